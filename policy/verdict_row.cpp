#include "policy/verdict_row.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace sallyport::policy {

RuleTargets::RuleTargets(const Policy& policy)
    : policy_(&policy), services_(policy.rules.size()), named_(policy.services.size()) {
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < policy.services.size(); ++i) numbers.emplace(policy.services[i].name, i);
  for (std::size_t rule = 0; rule < policy.rules.size(); ++rule) {
    for (const std::string& name : policy.rules[rule].to) {
      const auto service = numbers.find(name);
      if (service == numbers.end()) continue;
      services_[rule].push_back(service->second);
      named_[service->second] = true;
    }
    std::sort(services_[rule].begin(), services_[rule].end());
  }
}

VerdictRow RuleTargets::row(std::span<const std::uint32_t> rules) const {
  VerdictRow result;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;  // service, rule
  for (const std::uint32_t rule : rules) {
    const bool audits = policy_->rules[rule].action == Action::audit;
    if (audits && result.any.audit_rule != no_rule) continue;
    if (policy_->rules[rule].to_any) {
      (audits ? result.any.audit_rule : result.any.rule) = rule;
      if (!audits) break;
    } else {
      for (const std::uint32_t service : services_[rule]) pairs.emplace_back(service, rule);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  for (const auto& [service, rule] : pairs) {
    if (result.services.empty() || result.services.back().service != service) result.services.push_back({service, {}});
    Verdict& verdict = result.services.back().verdict;
    if (verdict.rule != no_rule) continue;
    if (policy_->rules[rule].action != Action::audit) {
      verdict.rule = rule;
    } else if (verdict.audit_rule == no_rule) {
      verdict.audit_rule = rule;
    }
  }
  return result;
}

Verdict decide(const Policy& policy, const VerdictRow& row, std::span<const std::uint32_t> services) {
  Verdict best = row.any;
  for (const std::uint32_t service : services) {
    const auto entry = std::lower_bound(row.services.begin(), row.services.end(), service,
                                        [](const ServiceVerdict& a, std::uint32_t b) { return a.service < b; });
    if (entry == row.services.end() || entry->service != service) continue;
    best.rule = std::min(best.rule, entry->verdict.rule);
    best.audit_rule = std::min(best.audit_rule, entry->verdict.audit_rule);
  }
  const bool allows = best.rule != no_rule && policy.rules[best.rule].action == Action::allow;
  if (!allows || best.audit_rule > best.rule) best.audit_rule = no_rule;
  return best;
}

}  // namespace sallyport::policy
