// Policies of the sizes that perf/policy compares, and the commands that put one into a dataplane.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "dataplane/abi/commands.hpp"

namespace sallyport::perf {

constexpr std::uint32_t identities = 10'000, first_peer_id = 10;
constexpr std::uint32_t policy_classes_max = 16'384;

struct PolicySize {
  char letter;
  const char* name;
  std::uint32_t rules = 0, identities = 0, services = 0, prefixes = 0;  // no rules: everything is allowed
};
constexpr std::array<PolicySize, 4> policy_sizes = {{{'a', "allow all"},
                                                     {'b', "1 rule", 1, 1, 1, 1},
                                                     {'c', "1k rules", 1'000, identities, 1'000, 10'000},
                                                     {'d', "100k rules", 100'000, identities, 1'000, 10'000}}};

struct PolicyImage {
  std::vector<abi::Command> commands;  // sequence numbers are still to come
  double compile_ms = 0;
};

[[nodiscard]] inline double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// The first identity, whose peer is first_peer_id, may reach the first prefix.
[[nodiscard]] PolicyImage compile_policy(const PolicySize& size);

}  // namespace sallyport::perf
