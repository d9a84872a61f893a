// What must hold between the objects of a policy, and what people should hear of. Each check adds its errors to the
// draft.
#pragma once

#include "policy/check/resolved_groups.hpp"
#include "policy/read/draft.hpp"

namespace sallyport::policy {

// Names are unique over all files, and there are not too many objects.
void check_names(Draft& draft);
// Whose a credential is can be told: no two issuers share an issuer and audience, or a trust domain.
void check_credentials(Draft& draft);
// Services, postures and issuers that are named exist, and issuers are of the right type.
void check_references(Draft& draft);
// A deny or audit rule does not depend on what may be missing.
void check_denials(Draft& draft, const ResolvedGroups& groups);
// No two tests expect different things of one flow.
void check_tests(Draft& draft);

// Puts the members of groups in their place, in rules and services.
void resolve_groups(Draft& draft, const ResolvedGroups& groups);

// Warns of rules that can never match, at `now`. The rules are sorted by rank, with groups resolved.
void warn_of_idle_rules(Draft& draft, const std::vector<Rule>& rules, TimePoint now);
// Of those, the ones that a single earlier rule covers: rules that are hidden, with the rule that hides them.
struct HiddenRule {
  const Rule* rule = nullptr;
  const Rule* by = nullptr;
};
[[nodiscard]] std::vector<HiddenRule> hidden_rules(const std::vector<Rule>& rules);

}  // namespace sallyport::policy
