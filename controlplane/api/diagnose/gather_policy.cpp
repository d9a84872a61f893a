#include <algorithm>

#include "controlplane/api/diagnose/gather.hpp"
#include "policy/conditions.hpp"
#include "policy/describe.hpp"
#include "policy/match.hpp"
#include "policy/protocols.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

// What the event loop may wait for: services times rules.
constexpr std::size_t most_service_rules = 2'000'000;
constexpr std::size_t most_services = 10'000;
constexpr std::uint8_t tcp = 6;

// A flow to the service: to the first of its ports, wherever it is.
policy::Flow flow_to(const policy::Service& service, const policy::Facts& facts) {
  policy::Flow flow{.source = facts, .destination = {}};
  flow.destination.services = {service.name};
  flow.protocol = tcp;
  if (!service.ports.empty() && service.ports.front().protocol <= 0xff)
    flow.protocol = static_cast<std::uint8_t>(service.ports.front().protocol);
  if (!service.ports.empty() && policy::counts_ports(flow.protocol)) flow.port = service.ports.front().first;
  return flow;
}

// Why it is not reached, if a rule would let it be: nothing of services that have nothing to do with the source.
std::optional<std::string> why_blocked(const policy::Explanation& explanation) {
  for (const policy::Considered& considered : explanation.considered)
    if (considered.rule->action == policy::Action::allow) {
      if (explanation.decision.rule != nullptr)
        return policy::rule_words(*explanation.decision.rule) + " denies it before " + considered.rule->name;
      return policy::rule_words(*considered.rule) + " would allow it, but for " + considered.why_not;
    }
  return std::nullopt;
}

void add_rules_to_everything(RuleSeen& seen, const policy::Policy& policy, const policy::Facts& facts,
                             policy::TimePoint now) {
  for (const policy::Rule& rule : policy.rules)
    if (rule.to_any && rule.action == policy::Action::allow && policy::from_matches(rule, facts) &&
        policy::conditions_hold(policy, rule, facts, now))
      seen.reachable.push_back("everything by " + policy::rule_words(rule) + " that no rule before it denies");
}

}  // namespace

ClassSeen class_seen(const policy::Facts& facts, const AdminBackend& backend, policy::TimePoint now) {
  ClassSeen seen{.who = facts.names.empty() ? "the peer " + facts.peer : facts.names.front(),
                 .allow = {},
                 .other = {},
                 .idle = {}};
  seen.has_identity = !facts.names.empty();
  const policy::Policy* policy = backend.policy();
  seen.allows_everything = policy == nullptr;
  if (policy == nullptr) return seen;
  for (const policy::Rule& rule : policy->rules) {
    if (!policy::from_matches(rule, facts)) continue;
    seen.next_change = policy::earlier(seen.next_change, policy::next_change(rule, facts, now));
    if (auto unmet = policy::unmet_condition(*policy, rule, facts, now)) {
      if (rule.action == policy::Action::allow) seen.idle.push_back({rule.name, std::move(*unmet)});
    } else {
      (rule.action == policy::Action::allow ? seen.allow : seen.other).push_back(rule.name);
    }
  }
  return seen;
}

RuleSeen rule_seen(const policy::Facts& facts, const AdminBackend& backend, policy::TimePoint now) {
  RuleSeen seen;
  const policy::Policy* policy = backend.policy();
  seen.allows_everything = policy == nullptr;
  if (policy == nullptr) return seen;
  add_rules_to_everything(seen, *policy, facts, now);
  const std::size_t most = std::min(most_services, most_service_rules / std::max<std::size_t>(1, policy->rules.size()));
  for (std::size_t i = 0; i < policy->services.size() && i < most; ++i) {
    const policy::Service& service = policy->services[i];
    const auto explanation =
        policy::explain(*policy, backend.endpoints(), flow_to(service, facts), now, backend.draining());
    if (explanation.decision.allowed) {
      seen.reachable.push_back(service.name);
    } else if (auto why = why_blocked(explanation)) {
      seen.blocked.push_back({service.name, std::move(*why)});
    }
  }
  seen.services_left_out = policy->services.size() - std::min(policy->services.size(), most);
  return seen;
}

}  // namespace sallyport::controlplane::diagnose
