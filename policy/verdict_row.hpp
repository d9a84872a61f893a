// What the rules in force for one source say of each service: the meaning of a row of the dataplane, in indices into
// the policy. The index of a rule is its rank.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

inline constexpr std::uint32_t no_rule = 0xffffffff;  // comes after every rule

struct Verdict {
  std::uint32_t rule = no_rule;        // allow or deny
  std::uint32_t audit_rule = no_rule;  // in a decision: only beside a rule that allows
  friend bool operator==(const Verdict&, const Verdict&) = default;
};
struct ServiceVerdict {
  std::uint32_t service = 0;
  Verdict verdict;
  friend bool operator==(const ServiceVerdict&, const ServiceVerdict&) = default;
};
struct VerdictRow {
  Verdict any;                           // of rules to everything
  std::vector<ServiceVerdict> services;  // rising
  friend bool operator==(const VerdictRow&, const VerdictRow&) = default;
};

// Which services each rule reaches.
class RuleTargets {
 public:
  explicit RuleTargets(const Policy& policy);
  // Of rules in force, which rise. What no packet can meet is left out: what comes after a rule to everything, and an
  // audit rule after the rule that decides.
  [[nodiscard]] VerdictRow row(std::span<const std::uint32_t> rules) const;
  // Does any rule name this service? Others cannot be in a row.
  [[nodiscard]] bool is_named(std::uint32_t service) const { return named_[service]; }

 private:
  const Policy* policy_;
  std::vector<std::vector<std::uint32_t>> services_;  // of each rule, rising
  std::vector<bool> named_;
};

// For a destination that belongs to these services (rising), all of which match the flow's port.
[[nodiscard]] Verdict decide(const Policy& policy, const VerdictRow& row, std::span<const std::uint32_t> services);

}  // namespace sallyport::policy
