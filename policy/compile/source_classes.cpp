#include "policy/compile/source_classes.hpp"

#include <algorithm>
#include <utility>

#include "policy/compile/split_most.hpp"
#include "policy/describe.hpp"

namespace sallyport::policy {

SourceClasses::SourceClasses(const Policy& policy, std::vector<std::uint32_t> rule_numbers,
                             std::vector<std::uint32_t> service_numbers, std::uint32_t limit)
    : policy_(&policy),
      rule_numbers_(std::move(rule_numbers)),
      service_numbers_(std::move(service_numbers)),
      classes_(limit) {}

tl::expected<std::uint32_t, std::string> SourceClasses::intern(const VerdictRow& row) {
  std::vector<abi::RowEntry> entries;
  entries.reserve(row.services.size() + 1);
  for (const ServiceVerdict& of : row.services) entries.push_back(entry(service_numbers_[of.service], of.verdict));
  std::sort(entries.begin(), entries.end(),
            [](const abi::RowEntry& a, const abi::RowEntry& b) { return a.service < b.service; });
  if (row.any != Verdict{}) entries.push_back(entry(abi::any_service, row.any));

  const auto number = classes_.intern(entries);
  if (number) return *number;
  if (too_many_.empty()) too_many_ = too_many();
  return tl::make_unexpected(too_many_);
}

abi::RowEntry SourceClasses::entry(std::uint32_t service, const Verdict& verdict) const {
  const auto number = [this](std::uint32_t rule) { return rule == no_rule ? 0 : rule_numbers_[rule]; };
  return {.service = service, .rule = number(verdict.rule), .audit_rule = number(verdict.audit_rule)};
}

void SourceClasses::keep_only(const std::vector<std::uint32_t>& kept) {
  classes_.keep_only(kept);
  too_many_.clear();
}

std::string SourceClasses::too_many() const {
  std::map<std::uint32_t, std::size_t> classes_of_rule;  // by the rule's number
  for (const auto& [number, entries] : classes_.all()) {
    std::vector<std::uint32_t> rules;
    for (const abi::RowEntry& entry : entries) {
      rules.push_back(entry.rule);
      rules.push_back(entry.audit_rule);
    }
    std::sort(rules.begin(), rules.end());
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    for (const std::uint32_t rule : rules) ++classes_of_rule[rule];
  }
  std::vector<std::pair<std::size_t, std::string>> candidates;
  for (std::size_t rule = 0; rule < policy_->rules.size(); ++rule) {
    const auto count = classes_of_rule.find(rule_numbers_[rule]);
    if (count != classes_of_rule.end()) candidates.emplace_back(count->second, rule_words(policy_->rules[rule]));
  }
  return classes_.excess("sets of access") +
         "; those split most: " + split_most(std::move(candidates), classes_.all().size());
}

}  // namespace sallyport::policy
