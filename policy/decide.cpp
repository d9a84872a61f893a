#include "policy/decide.hpp"

#include <algorithm>
#include <utility>

#include "policy/match.hpp"

namespace sallyport::policy {
namespace {

bool covered(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

bool is_endpoint(const Service& service, const Endpoints& endpoints, const IpAddress& address) {
  const auto live = service.endpoints ? endpoints.find(service.name) : endpoints.end();
  return live != endpoints.end() && covered(live->second, address);
}

bool covers(const Service& service, const Endpoints& endpoints, const IpAddress& address) {
  return covered(service.prefixes, address) || is_endpoint(service, endpoints, address);
}

bool is_of(const Service& service, const Endpoints& endpoints, const Destination& destination) {
  if (destination.address && covers(service, endpoints, *destination.address)) return true;
  if (destination.peer && std::any_of(service.identities.begin(), service.identities.end(),
                                      [&](const Selector& selector) { return matches(selector, *destination.peer); })) {
    return true;
  }
  return std::find(destination.services.begin(), destination.services.end(), service.name) !=
         destination.services.end();
}

bool names_one_of(const Rule& rule, const std::vector<const Service*>& services) {
  return std::any_of(services.begin(), services.end(), [&](const Service* service) {
    return std::find(rule.to.begin(), rule.to.end(), service->name) != rule.to.end();
  });
}

Decision decide_by(const Policy& policy, std::vector<const Service*> services, const Flow& flow, TimePoint at) {
  std::erase_if(services, [&](const Service* service) { return !port_matches(*service, flow.protocol, flow.port); });

  const Rule* audit_rule = nullptr;
  for (const Rule& rule : policy.rules) {
    if (rule.action == Action::audit && audit_rule != nullptr) continue;
    if (!rule.to_any && !names_one_of(rule, services)) continue;
    if (!from_matches(rule, flow.source) || !conditions_hold(policy, rule, flow.source, at)) continue;
    if (rule.action == Action::deny) return {.allowed = false, .rule = &rule};
    if (rule.action == Action::allow) return {.allowed = true, .rule = &rule, .audit_rule = audit_rule};
    audit_rule = &rule;
  }
  return {};
}

}  // namespace

std::vector<const Service*> services_of(const Policy& policy, const Endpoints& endpoints,
                                        const Destination& destination) {
  std::vector<const Service*> found;
  for (const Service& service : policy.services) {
    if (is_of(service, endpoints, destination)) found.push_back(&service);
  }
  return found;
}

std::vector<const Service*> draining_services_of(const Policy& policy, const Endpoints& endpoints,
                                                 const Endpoints& draining, const IpAddress& address) {
  std::vector<const Service*> found;
  for (const Service& service : policy.services) {
    if (is_endpoint(service, draining, address) && !covers(service, endpoints, address)) found.push_back(&service);
  }
  return found;
}

Decision decide(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at,
                const Endpoints& draining) {
  const std::vector<const Service*> open = services_of(policy, endpoints, flow.destination);
  const auto& address = flow.destination.address;
  const std::vector<const Service*> leaving = address && !draining.empty()
                                                  ? draining_services_of(policy, endpoints, draining, *address)
                                                  : std::vector<const Service*>();
  if (leaving.empty()) return decide_by(policy, open, flow, at);

  std::vector<const Service*> all = open;
  all.insert(all.end(), leaving.begin(), leaving.end());
  const Decision decision = decide_by(policy, std::move(all), flow, at);
  const bool is_covered = std::any_of(policy.services.begin(), policy.services.end(),
                                      [&](const Service& service) { return covers(service, endpoints, *address); });
  if (!decision.allowed || (is_covered && decide_by(policy, open, flow, at).allowed)) return decision;
  return {.draining = true};
}

}  // namespace sallyport::policy
