// The audit trail of the policy: every version that was put in force or refused, as the state file has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/state/policy_version.hpp"
#include "controlplane/state/store.hpp"

namespace sallyport::controlplane {

class AuditTrail {
 public:
  void restore(std::map<std::int64_t, PolicyChange> changes) { changes_ = std::move(changes); }
  // Of its summary the first hundred lines are kept.
  void add(PolicyChange change, StoreChange& to_store);
  // The version of this generation came from this commit.
  void set_git(std::uint32_t generation, const std::string& commit, const std::string& author, StoreChange& to_store);
  [[nodiscard]] std::vector<PolicyChange> newest(std::size_t most) const;

 private:
  std::map<std::int64_t, PolicyChange> changes_;  // by number, which rises
};

}  // namespace sallyport::controlplane
