// A version of the policy, and a line of its audit trail.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::controlplane {

// Where the version in force came from.
enum class PolicySource : std::uint8_t {
  default_allow,  // [policy] default = "allow"
  files,          // those that gateway.toml names
  api,            // `sallyctl policy apply PATH`
  stored,         // the files failed at the start: the last version that passed
};

struct PolicyVersion {
  std::uint32_t generation = 0;
  std::string etag;
  PolicySource source = PolicySource::default_allow;
  std::chrono::sys_seconds applied_at{};
  std::string git_commit, git_author;  // of the checkout that the files lie in; empty: none
  bool in_force = false;               // the dataplane has committed it
};

// One line of the audit trail.
struct PolicyChange {
  std::chrono::sys_seconds at{};
  bool applied = false;  // false: refused, and `summary` says why
  std::uint32_t generation = 0;
  std::string etag;
  PolicySource source = PolicySource::files;
  std::string by;  // "start", "reload", "signal", "uid 0"
  std::string git_commit, git_author;
  std::vector<std::string> summary;  // "+ rule x", "- rule y", "~ service z", or errors
};

}  // namespace sallyport::controlplane
