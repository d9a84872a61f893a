#include <unordered_set>

#include "policy/check/checks.hpp"
#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

// Counts before anything is copied: a small file may ask for more memory than there is.
class Budget {
 public:
  Budget(Draft& draft, const ResolvedGroups& groups) : draft_(draft), groups_(groups) {}

  // False, and reported once, when the selectors of all calls come to too many.
  bool take(const std::vector<Selector>& selectors, std::string_view key) {
    for (const Selector& selector : selectors) {
      const auto* members = selector.kind == SelectorKind::group ? groups_.find(selector.value) : nullptr;
      total_ += members == nullptr ? 1 : members->all.size();
      if (total_ <= limits::resolved_selectors) continue;
      draft_.report(selector.location, std::string(key) + ": expected at most " +
                                           std::to_string(limits::resolved_selectors) +
                                           " selectors in all rules and services, groups resolved");
      return false;
    }
    return true;
  }

 private:
  Draft& draft_;
  const ResolvedGroups& groups_;
  std::size_t total_ = 0;
};

bool fits(Draft& draft, const ResolvedGroups& groups) {
  Budget budget(draft, groups);
  for (const Service& service : draft.services)
    if (!budget.take(service.identities, "identities")) return false;
  for (const RuleDraft& rule : draft.rules)
    if (!budget.take(rule.rule.from, "from")) return false;
  return true;
}

// In the order of writing, each text once.
std::vector<Selector> resolve(Draft& draft, const ResolvedGroups& groups, const std::vector<Selector>& selectors,
                              std::string_view key) {
  std::vector<Selector> result;
  std::unordered_set<std::string_view> seen;
  const auto add = [&](const Selector& selector) {
    if (seen.insert(selector.text).second) result.push_back(selector);
  };
  for (const Selector& selector : selectors) {
    if (selector.kind != SelectorKind::group) {
      add(selector);
    } else if (const auto* members = groups.find_or_report(draft, selector, key)) {
      for (const Selector* member : members->all) add(*member);
    }
  }
  return result;
}

// Written without a group, it was reported when it was read.
void check_identities(Draft& draft, const std::vector<Selector>& written, const ResolvedGroups& groups) {
  for (const Selector& selector : written) {
    if (selector.kind != SelectorKind::group) continue;
    const auto* members = groups.find(selector.value);
    if (members == nullptr || members->net == nullptr) continue;
    draft.report(selector.location, "identities: expected peers' identities, but " + selector.text + " has \"" +
                                        members->net->text + "\" (" + members->net->location.to_string() +
                                        "); addresses belong to `prefixes`");
  }
}

}  // namespace

void resolve_groups(Draft& draft, const ResolvedGroups& groups) {
  if (!fits(draft, groups)) return;
  for (Service& service : draft.services) {
    check_identities(draft, service.identities, groups);
    service.identities = resolve(draft, groups, service.identities, "identities");
  }
  for (RuleDraft& rule : draft.rules) rule.rule.from = resolve(draft, groups, rule.rule.from, "from");
}

}  // namespace sallyport::policy
