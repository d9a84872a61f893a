#include <utility>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/reachability.hpp"
#include "controlplane/http/rfc3339.hpp"
#include "policy/describe.hpp"
#include "policy/match.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned identities_per_step = 128;

Json time_json(const std::optional<policy::TimePoint>& at) {
  return at ? Json(policy::time_words(*at)) : Json();
}

// The facts of a peer, under names that whois and identities share.
Json facts_json(const policy::Facts& facts) {
  return {{"peer", text_or_null(facts.peer)},
          {"identities", facts.names},
          {"tags", facts.tags},
          {"claims", claims_json(facts.claims)},
          {"authenticated_at", time_json(facts.authenticated_at)},
          {"not_after", time_json(facts.not_after)},
          {"posture", posture_json(facts.posture)},
          {"posture_until", time_json(facts.posture_until)}};
}

// The session of a peer by proof may be gone by now: null, as of a configured one.
Json identity_view(const PeerIdentity& identity, const EnrolmentBackend& backend) {
  Json view = facts_json(identity.facts);
  const EnrolledSession* session = backend.enrolled_session(identity.facts.peer);
  view["session"] = session == nullptr ? Json() : Json(session->id);
  view["source_class"] = identity.source_class;
  view["rules"] = identity.rules;
  return view;
}

Json rules_in_force(const policy::Policy* policy, const policy::Facts& facts, policy::TimePoint now) {
  Json names = Json::array();
  if (policy == nullptr) return names;
  for (const policy::Rule& rule : policy->rules)
    if (policy::from_matches(rule, facts) && policy::conditions_hold(*policy, rule, facts, now))
      names.push_back(rule.name);
  return names;
}

Json route_json(const std::optional<InnerRoute>& route) {
  if (!route) return {};
  return {{"to", route->to.to_string()},           {"kind", route->kind},
          {"port", text_or_null(route->port)},     {"via", text_or_null(route->via)},
          {"tunnel", text_or_null(route->tunnel)}, {"peer", text_or_null(route->peer)}};
}

Json covering_services(const policy::Policy* policy, const policy::Endpoints& endpoints, const IpAddress& address,
                       std::optional<policy::Facts> peer) {
  Json names = Json::array();
  if (policy == nullptr) return names;
  const policy::Destination destination{.address = address, .peer = std::move(peer), .services = {}};
  for (const policy::Service* service : policy::services_of(*policy, endpoints, destination))
    names.push_back(service->name);
  return names;
}

}  // namespace

Json claims_json(const std::vector<policy::Claim>& claims) {
  Json issuers = Json::object();
  for (const policy::Claim& claim : claims)
    if (!claim.issuer.empty()) issuers[claim.issuer][claim.key] = claim.values;
  return issuers;
}

Json own_claims_json(const std::vector<policy::Claim>& claims) {
  Json view = Json::object();
  for (const policy::Claim& claim : claims) view[claim.key] = claim.values;
  return view;
}

namespace {

HttpResponse get_identities(const Call& call) {
  // A copy that names no configured peer by its address: a reload may come in the middle of the list.
  auto step = [&backend = call.backend, list = call.backend.identities(),
               next = std::size_t{0}](const JsonEmit& emit) mutable {
    for (unsigned i = 0; i < identities_per_step && next < list.size(); ++i) emit(identity_view(list[next++], backend));
    return next < list.size();
  };
  return stream(json_array(std::move(step)));
}

HttpResponse get_whois(const Call& call) {
  constexpr std::string_view known[] = {"address"};
  if (const auto wrong = wrong_query(call.target, known)) return failure(400, *wrong);
  const auto text = call.target.parameter("address");
  const auto address = text ? IpAddress::parse(*text) : std::nullopt;
  if (!address) return failure(400, "address: expected an IP address, got " + in_quotes(text.value_or("nothing")));
  const Peer* peer = call.backend.peer_of(*address);
  policy::Facts facts = peer == nullptr ? policy::Facts{} : peer->facts;
  const Reachability reach = reach_of(*address, End::destination, call.backend, call.time);
  // Of an address that no packet can have no rule speaks.
  if (peer == nullptr && reach.rule_can_help) facts.net = IpPrefix::host(*address);
  Json view = {{"address", address->to_string()}};
  view.update(facts_json(facts));
  view["session"] = peer == nullptr ? Json() : session_or_null(*peer, call.backend);
  view["tunnel"] = peer == nullptr ? Json() : Json(peer->interface);
  view["route"] = route_json(find_inner_route(*address, peer, call.backend.configuration()));
  view["reachability"] = reachability_json(reach);
  view["services"] = covering_services(call.backend.policy(), call.backend.endpoints(), *address,
                                       peer == nullptr ? std::nullopt : std::optional(facts));
  view["rules"] =
      reach.rule_can_help ? rules_in_force(call.backend.policy(), facts, wall_clock(call.time)) : Json::array();
  return document(view);
}

}  // namespace

std::span<const Endpoint> identity_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"identities"}, get_identities, "every configured peer as the policy sees it"},
      Endpoint{"GET", {"whois"}, get_whois, "?address=: its peer, identity, services and route"},
  };
  return list;
}

}  // namespace sallyport::controlplane
