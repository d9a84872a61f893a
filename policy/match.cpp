#include "policy/match.hpp"

#include <algorithm>

#include "policy/conditions.hpp"
#include "policy/protocols.hpp"
#include "policy/spiffe_pattern.hpp"

namespace sallyport::policy {
namespace {

template <typename Values, typename Value>
bool has(const Values& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool has_claim(const Selector& selector, const Facts& facts) {
  return std::any_of(facts.claims.begin(), facts.claims.end(), [&](const Claim& claim) {
    return claim.issuer == selector.issuer && claim.key == selector.key && has(claim.values, selector.value);
  });
}

bool has_spiffe_name(const Selector& selector, const Facts& facts) {
  return std::any_of(facts.names.begin(), facts.names.end(),
                     [&](const std::string& name) { return spiffe_pattern_matches(selector.text, name); });
}

}  // namespace

bool matches(const Selector& selector, const Facts& facts) {
  switch (selector.kind) {
    case SelectorKind::any:
      return true;
    case SelectorKind::net:
      return facts.net.address.is_set() && selector.net.contains(facts.net);
    case SelectorKind::user:
    case SelectorKind::service_account:
    case SelectorKind::ike:
      return has(facts.names, selector.text);
    case SelectorKind::spiffe:
      return has_spiffe_name(selector, facts);
    case SelectorKind::claim:
      return has_claim(selector, facts);
    case SelectorKind::tag:
      return has(facts.tags, selector.value);
    case SelectorKind::peer:
      return !facts.peer.empty() && facts.peer == selector.value;
    case SelectorKind::group:  // resolved by the parser
      return false;
  }
  return false;
}

bool from_matches(const Rule& rule, const Facts& facts) {
  return std::any_of(rule.from.begin(), rule.from.end(),
                     [&](const Selector& selector) { return matches(selector, facts); });
}

bool conditions_hold(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at) {
  return conditions_besides_hours_hold(policy, rule, facts, at) && hours_hold(rule, at);
}

std::optional<TimePoint> next_change(const Rule& rule, const Facts& facts, TimePoint at) {
  if (is_over(rule, facts, at)) return std::nullopt;
  std::optional<TimePoint> next = next_change_besides_hours(rule, facts, at);
  for (const Hours& hours : rule.hours) next = earlier(next, hours.next_change(at));
  return next;
}

bool port_matches(const Service& service, std::uint8_t protocol, std::uint16_t port) {
  return std::any_of(service.ports.begin(), service.ports.end(), [&](const abi::PortRange& range) {
    if (range.protocol != abi::any_protocol && range.protocol != protocol) return false;
    return !counts_ports(protocol) || (range.first <= port && port <= range.last);
  });
}

}  // namespace sallyport::policy
