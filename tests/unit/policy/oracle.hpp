// What a policy says, once more: written from the description of the language, and slow. It shares no evaluation with
// the product.
#pragma once

#include <algorithm>
#include <string_view>

#include "policy/decide.hpp"
#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy {

inline bool glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty() || text.empty()) return pattern.empty() && text.empty();
  if (pattern[0] != '*') return pattern[0] == text[0] && glob(pattern.substr(1), text.substr(1));
  return text[0] != '.' && text[0] != '/' && (glob(pattern.substr(1), text.substr(1)) || glob(pattern, text.substr(1)));
}

inline bool oracle_selects(const Selector& s, const Facts& facts) {
  if (s.text == "*") return true;
  for (const auto& name : facts.names)
    if (s.text.starts_with("spiffe:") ? glob(s.text, name) : s.text == name) return true;
  for (const auto& tag : facts.tags)
    if (s.text == "tag:" + tag) return true;
  for (const auto& claim : facts.claims)
    for (const auto& value : claim.values)
      if (s.text == "claim:" + claim.issuer + '/' + claim.key + '=' + value) return true;
  if (s.text.starts_with("net:") && facts.net.address.is_set() && s.net.contains(facts.net)) return true;
  return !facts.peer.empty() && s.text == "peer:" + facts.peer;
}

inline Decision oracle(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at) {
  const auto selects = [](const std::vector<Selector>& list, const Facts& facts) {
    return std::any_of(list.begin(), list.end(), [&](const Selector& s) { return oracle_selects(s, facts); });
  };
  const auto reaches = [&](const Rule& rule) {
    for (const Service& service : policy.services) {
      if (std::count(rule.to.begin(), rule.to.end(), service.name) == 0) continue;
      std::vector<IpPrefix> prefixes = service.prefixes;
      if (service.endpoints && endpoints.contains(service.name))
        for (const auto& live : endpoints.at(service.name)) prefixes.push_back(live);
      const bool is_there =
          std::any_of(prefixes.begin(), prefixes.end(), [&](auto& p) { return p.contains(*flow.destination.address); });
      const bool is_peer = flow.destination.peer && selects(service.identities, *flow.destination.peer);
      const bool has_port = std::any_of(service.ports.begin(), service.ports.end(), [&](const abi::PortRange& range) {
        return (range.protocol == 256 || range.protocol == flow.protocol) &&
               (flow.protocol == icmp || (flow.port >= range.first && flow.port <= range.last));
      });
      if ((is_there || is_peer) && has_port) return true;
    }
    return rule.to_any;
  };
  const auto in_force = [&](const Rule& rule) {
    const Facts& facts = flow.source;
    bool inside = rule.hours.empty();
    for (const Hours& hours : rule.hours) inside = inside || hours.contains(at);
    bool healthy = rule.posture.empty();
    const bool lapsed = facts.posture_until && at >= *facts.posture_until;
    if (!healthy && !lapsed && facts.posture.contains("encrypted") && facts.posture.contains("age"))
      healthy = std::get<bool>(facts.posture.at("encrypted")) && std::get<std::int64_t>(facts.posture.at("age")) <= 30;
    const bool fresh = !rule.auth_age || (facts.authenticated_at && at - *facts.authenticated_at <= *rule.auth_age);
    const bool proven = rule.action != Action::allow || !facts.not_after || at < *facts.not_after;
    return inside && healthy && fresh && proven && (!rule.expires || at < *rule.expires);
  };
  Decision decision;
  for (auto rule = policy.rules.rbegin(); rule != policy.rules.rend(); ++rule) {  // the last word has the first rule
    if (!selects(rule->from, flow.source) || !reaches(*rule) || !in_force(*rule)) continue;
    if (rule->action == Action::audit) decision.audit_rule = &*rule;
    if (rule->action == Action::deny) decision = {false, &*rule, nullptr};
    if (rule->action == Action::allow) decision = {true, &*rule, nullptr};
  }
  if (!decision.allowed) decision.audit_rule = nullptr;
  return decision;
}

// A flow that begins, where some endpoints are draining.
inline Decision oracle(const Policy& policy, const Endpoints& ready, const Endpoints& draining, const Flow& flow,
                       TimePoint at) {
  Endpoints both = ready;
  for (const auto& [service, prefixes] : draining)
    both[service].insert(both[service].end(), prefixes.begin(), prefixes.end());
  bool leaves = false, stays = false;
  for (const Service& service : policy.services) {
    const auto in = [&](const std::vector<IpPrefix>& prefixes) {
      return std::any_of(prefixes.begin(), prefixes.end(),
                         [&](auto& p) { return p.contains(*flow.destination.address); });
    };
    const auto live_in = [&](const Endpoints& endpoints) {
      return service.endpoints && endpoints.contains(service.name) && in(endpoints.at(service.name));
    };
    const bool is_there = in(service.prefixes) || live_in(ready);
    stays = stays || is_there;
    leaves = leaves || (!is_there && live_in(draining));
  }
  const Decision with = oracle(policy, both, flow, at);
  if (!leaves || !with.allowed || (stays && oracle(policy, ready, flow, at).allowed)) return with;
  return {.draining = true};
}

}  // namespace sallyport::policy
