// What may be missing must not decide against the gateway: whoever leaves a claim out would escape a deny rule.
#include "policy/check/checks.hpp"
#include "policy/words.hpp"

namespace sallyport::policy {
namespace {

struct Finding {
  const Selector* written = nullptr;  // the claim, or the group that has it
  const Selector* claim = nullptr;
};

// The first claim that selectors reach.
Finding find_claim(const std::vector<Selector>& selectors, const ResolvedGroups& groups) {
  for (const Selector& selector : selectors) {
    if (selector.kind == SelectorKind::claim) return {&selector, &selector};
    if (selector.kind != SelectorKind::group) continue;
    const auto* members = groups.find(selector.value);
    if (members != nullptr && members->claim != nullptr) return {&selector, members->claim};
  }
  return {};
}

std::string describe(const Finding& found) {
  if (found.written == found.claim) return found.claim->text;
  return found.written->text + " has " + found.claim->text + " (" + found.claim->location.to_string() + ')';
}

class DenialCheck {
 public:
  DenialCheck(Draft& draft, const ResolvedGroups& groups) : draft_(draft), services_("service", draft.services) {
    for (const Service& service : draft.services) service_claims_.push_back(find_claim(service.identities, groups));
  }

  void check(const RuleDraft& rule, const ResolvedGroups& groups) {
    const std::string who =
        (rule.rule.action == Action::deny ? "a deny" : "an audit") + std::string(" rule may not depend on ");
    if (const Finding found = find_claim(rule.rule.from, groups); found.claim != nullptr)
      draft_.report(found.written->location, "from: " + who + "a claim, which may be missing: " + describe(found));
    for (const Reference& to : rule.to) {
      const std::size_t* service = services_.find(to.name);
      if (service == nullptr || service_claims_[*service].claim == nullptr) continue;
      draft_.report(to.location, "to: " + who + "a claim, which may be missing: service " + to.name + " has " +
                                     service_claims_[*service].claim->text + " (" +
                                     service_claims_[*service].claim->location.to_string() + ')');
    }
    if (!rule.posture.empty())
      draft_.report(rule.posture.front().location, "posture: " + who + "posture, which may be missing");
    if (rule.auth_age.line != 0)
      draft_.report(rule.auth_age, "auth_age: " + who + "the age of an authentication, which may be missing");
  }

 private:
  Draft& draft_;
  NameIndex services_;
  std::vector<Finding> service_claims_;
};

}  // namespace

void check_denials(Draft& draft, const ResolvedGroups& groups) {
  DenialCheck denials(draft, groups);
  for (const RuleDraft& rule : draft.rules)
    if (rule.rule.action != Action::allow) denials.check(rule, groups);
}

}  // namespace sallyport::policy
