#include "policy/check/checks.hpp"
#include "policy/check/name_index.hpp"
#include "policy/words.hpp"

namespace sallyport::policy {
namespace {

// A policy without any [issuer] is one for identities that the gateway's own configuration names: whatever it says.
class IssuerCheck {
 public:
  explicit IssuerCheck(Draft& draft) : draft_(draft), issuers_("issuer", draft.issuers) {}

  void check(const Selector& selector, std::string_view key) const {
    if (selector.issuer.empty() || issuers_.empty()) return;
    const std::size_t* found = issuers_.find_or_report(draft_, selector.issuer, selector.location, key);
    if (found == nullptr) return;
    const Issuer& issuer = draft_.issuers[*found];
    if (selector.kind == SelectorKind::user) check_type(selector, issuer, IssuerType::oidc, key);
    if (selector.kind == SelectorKind::service_account) check_type(selector, issuer, IssuerType::kubernetes, key);
  }

 private:
  void check_type(const Selector& selector, const Issuer& issuer, IssuerType expected, std::string_view key) const {
    if (issuer.type == expected) return;
    draft_.report(selector.location, std::string(key) + ": " + selector.text + " needs an issuer of type \"" +
                                         std::string(to_string(expected)) + "\", but '" + issuer.name + "' (" +
                                         issuer.location.to_string() + ") is \"" + std::string(to_string(issuer.type)) +
                                         '"');
  }

  Draft& draft_;
  NameIndex issuers_;
};

void check_issuers(Draft& draft) {
  const IssuerCheck issuers(draft);
  for (const Group& group : draft.groups)
    for (const Selector& member : group.members) issuers.check(member, "group " + group.name);
  for (const Service& service : draft.services)
    for (const Selector& identity : service.identities) issuers.check(identity, "identities");
  for (const RuleDraft& rule : draft.rules)
    for (const Selector& from : rule.rule.from) issuers.check(from, "from");
  for (const TestDraft& test : draft.tests) issuers.check(test.source, "src");
}

void check_services(Draft& draft) {
  const NameIndex services("service", draft.services);
  for (RuleDraft& rule : draft.rules)
    for (const Reference& to : rule.to) services.find_or_report(draft, to.name, to.location, "to");
  for (const TestDraft& test : draft.tests) {
    for (const TestTarget& target : test.test.allow)
      services.find_or_report(draft, target.service, target.location, "allow");
    for (const TestTarget& target : test.test.deny)
      services.find_or_report(draft, target.service, target.location, "deny");
  }
}

void check_postures(Draft& draft) {
  const NameIndex postures("posture", draft.postures);
  for (const RuleDraft& rule : draft.rules)
    for (const Reference& posture : rule.posture)
      postures.find_or_report(draft, posture.name, posture.location, "posture");
}

}  // namespace

void check_references(Draft& draft) {
  check_issuers(draft);
  check_services(draft);
  check_postures(draft);
}

}  // namespace sallyport::policy
