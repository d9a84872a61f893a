#include "policy/indexed_policy.hpp"

#include <algorithm>

#include "policy/match.hpp"

namespace sallyport::policy {

IndexedPolicy::IndexedPolicy(const Policy& policy) : policy_(&policy), targets_(policy) {
  for (std::uint32_t rule = 0; rule < policy.rules.size(); ++rule) {
    for (const Selector& selector : policy.rules[rule].from) sources_.add(selector, rule);
  }
}

std::vector<std::uint32_t> IndexedPolicy::rules_in_force(const Facts& facts, TimePoint at) const {
  std::vector<std::uint32_t> rules = sources_.matching(facts);
  std::erase_if(rules, [&](std::uint32_t rule) { return !conditions_hold(*policy_, policy_->rules[rule], facts, at); });
  return rules;
}

const Rule* IndexedPolicy::deciding_rule(const VerdictRow& row, std::span<const std::uint32_t> services) const {
  const Verdict verdict = decide(*policy_, row, services);
  return verdict.rule == no_rule ? nullptr : &policy_->rules[verdict.rule];
}

}  // namespace sallyport::policy
