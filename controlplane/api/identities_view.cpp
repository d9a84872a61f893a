#include <utility>

#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/rfc3339.hpp"
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

// The longest of the inner routes to an address.
class BestRoute {
 public:
  explicit BestRoute(const IpAddress& address) : address_(address) {}

  void offer(const IpPrefix& to, std::string_view kind, std::string_view key, const std::string& name,
             const std::string& via = {}) {
    const IpPrefix network = to.network();
    if (!network.contains(address_) || (found_ && network.length <= length_)) return;
    found_ = true;
    length_ = network.length;
    view_ = {{"to", network.to_string()}, {"kind", kind},      {"port", nullptr},
             {"via", text_or_null(via)},  {"tunnel", nullptr}, {"peer", nullptr}};
    view_[std::string(key)] = name;
  }
  [[nodiscard]] Json take() { return std::move(view_); }  // null: none

 private:
  IpAddress address_;
  Json view_;
  bool found_ = false;
  unsigned length_ = 0;
};

Json route_of(const IpAddress& address, const config::Peer* peer, const config::Config& configuration) {
  BestRoute best(address);
  if (peer != nullptr)
    for (const IpPrefix& prefix : peer->allowed_ips) best.offer(prefix, "peer", "peer", peer->name);
  for (const config::Port& port : configuration.ports) {
    if (port.role != config::PortRole::inside) continue;
    for (const IpPrefix& prefix : port.addresses) best.offer(prefix, "connected", "port", port.name);
    for (const IpAddress& gateway : port.gateway)
      best.offer({.address = {.bytes = {}, .family = gateway.family}, .length = 0}, "default", "port", port.name,
                 gateway.to_string());
  }
  for (const config::Route& route : configuration.routes)
    best.offer(route.to, "via", "port", route.port, route.via.to_string());
  for (const config::Wireguard& tunnel : configuration.wireguards)
    for (const IpPrefix& prefix : tunnel.addresses) best.offer(prefix, "tunnel", "tunnel", tunnel.name);
  return best.take();
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
  for (const policy::Claim& claim : claims) issuers[claim.issuer][claim.key] = claim.values;
  return issuers;
}

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
  const config::Peer* peer = call.backend.peer_of(*address);
  policy::Facts facts;
  if (peer != nullptr) facts = call.backend.facts_of(*peer);
  if (peer == nullptr) facts.net = IpPrefix::host(*address);
  Json view = {{"address", address->to_string()}};
  view.update(facts_json(facts));
  view["session"] = peer == nullptr ? Json() : session_or_null(*peer, call.backend);
  view["tunnel"] = peer == nullptr ? Json() : Json(peer->wireguard);
  view["route"] = route_of(*address, peer, call.backend.configuration());
  view["services"] = covering_services(call.backend.policy(), call.backend.endpoints(), *address,
                                       peer == nullptr ? std::nullopt : std::optional(facts));
  view["rules"] = rules_in_force(call.backend.policy(), facts, wall_clock(call.time));
  return document(view);
}

}  // namespace sallyport::controlplane
