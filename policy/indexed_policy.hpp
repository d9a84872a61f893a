// A policy made ready for many questions: which rules are in force for a source, and what do they decide? The same
// answers as decide(), for tests and differences, which ask about thousands of pairs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"
#include "policy/selector_index.hpp"
#include "policy/verdict_row.hpp"

namespace sallyport::policy {

class IndexedPolicy {
 public:
  // `policy` must stay where it is.
  explicit IndexedPolicy(const Policy& policy);

  [[nodiscard]] const Policy& policy() const { return *policy_; }
  [[nodiscard]] std::vector<std::uint32_t> rules_in_force(const Facts& facts, TimePoint at) const;
  [[nodiscard]] VerdictRow row(std::span<const std::uint32_t> rules) const { return targets_.row(rules); }
  // `services`: of the destination, those that match the port; indices into the policy. Null: no rule allows it.
  [[nodiscard]] const Rule* deciding_rule(const VerdictRow& row, std::span<const std::uint32_t> services) const;

 private:
  const Policy* policy_;
  RuleTargets targets_;
  SelectorIndex sources_;  // of rules
};

}  // namespace sallyport::policy
