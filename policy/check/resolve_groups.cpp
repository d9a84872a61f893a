#include <unordered_set>

#include "policy/check/checks.hpp"
#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

class Resolver {
 public:
  Resolver(Draft& draft, const ResolvedGroups& groups) : draft_(draft), groups_(groups) {}

  // In the order of writing, each text once.
  [[nodiscard]] std::vector<Selector> resolve(const std::vector<Selector>& selectors, std::string_view key) {
    std::vector<Selector> result;
    std::unordered_set<std::string_view> seen;
    const auto add = [&](const Selector& selector) {
      if (total_ > limits::resolved_selectors || !seen.insert(selector.text).second) return;
      result.push_back(selector);
      if (++total_ > limits::resolved_selectors)
        draft_.report(selectors.front().location, std::string(key) + ": expected at most " +
                                                      std::to_string(limits::resolved_selectors) +
                                                      " selectors in all rules and services, groups resolved");
    };
    for (const Selector& selector : selectors) {
      if (selector.kind != SelectorKind::group) {
        add(selector);
      } else if (const auto* members = groups_.find_or_report(draft_, selector, key)) {
        for (const Selector* member : members->all) add(*member);
      }
    }
    return result;
  }

 private:
  Draft& draft_;
  const ResolvedGroups& groups_;
  std::size_t total_ = 0;
};

// Written without a group, it was reported when it was read.
void check_identities(Draft& draft, const std::vector<Selector>& written, const ResolvedGroups& groups) {
  for (const Selector& selector : written) {
    if (selector.kind != SelectorKind::group) continue;
    const auto* members = groups.find(selector.value);
    if (members == nullptr) continue;
    for (const Selector* member : members->all)
      if (member->kind == SelectorKind::net)
        draft.report(selector.location, "identities: expected peers' identities, but " + selector.text + " has \"" +
                                            member->text + "\" (" + member->location.to_string() +
                                            "); addresses belong to `prefixes`");
  }
}

}  // namespace

void resolve_groups(Draft& draft, const ResolvedGroups& groups) {
  Resolver resolver(draft, groups);
  for (Service& service : draft.services) {
    check_identities(draft, service.identities, groups);
    service.identities = resolver.resolve(service.identities, "identities");
  }
  for (RuleDraft& rule : draft.rules) rule.rule.from = resolver.resolve(rule.rule.from, "from");
}

}  // namespace sallyport::policy
