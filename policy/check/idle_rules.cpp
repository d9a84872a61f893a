#include <algorithm>

#include "policy/check/checks.hpp"

namespace sallyport::policy {
namespace {

// Why a rule, by itself, never matches; "" if it may.
std::string why_idle(const Rule& rule, TimePoint now) {
  if (rule.from.empty()) return "nobody is in its `from`";
  if (rule.expires && *rule.expires <= now) return "it has expired";
  const bool only_addresses = std::all_of(rule.from.begin(), rule.from.end(),
                                          [](const Selector& from) { return from.kind == SelectorKind::net; });
  if (only_addresses && !rule.posture.empty()) return "addresses, which are all of its `from`, have no posture";
  if (only_addresses && rule.auth_age) return "addresses, which are all of its `from`, do not authenticate";
  return {};
}

void warn(Draft& draft, const Rule& rule, const std::string& why) {
  draft.warn(rule.location, "rule '" + rule.name + "' can never match: " + why);
}

}  // namespace

void warn_of_idle_rules(Draft& draft, const std::vector<Rule>& rules, TimePoint now) {
  for (const Rule& rule : rules)
    if (const std::string why = why_idle(rule, now); !why.empty()) warn(draft, rule, why);
  for (const HiddenRule& hidden : hidden_rules(rules)) {
    if (!why_idle(*hidden.rule, now).empty()) continue;
    warn(draft, *hidden.rule,
         "rule '" + hidden.by->name + "' (" + hidden.by->location.to_string() +
             ") comes before it and decides all that it could");
  }
}

}  // namespace sallyport::policy
