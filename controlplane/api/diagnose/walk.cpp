#include "controlplane/api/diagnose/walk.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/api/diagnose/gateway_checks.hpp"
#include "controlplane/api/diagnose/gather.hpp"
#include "controlplane/http/rfc3339.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

std::vector<Check> walk_underlay(const AdminBackend& backend, const RequestTime& time, const std::string& underlay) {
  std::vector<Check> checks = {check_dataplane(dataplane_seen(backend, time))};
  for (const PortSeen& port : ports_seen(backend, underlay)) checks.push_back(check_port(port));
  return checks;
}

// Those by which an identity could be proven; of an empty issuer none.
std::vector<TrustSourceStatus> sources_of(const std::string& issuer, const AdminBackend& backend) {
  std::vector<TrustSourceStatus> sources = backend.trust_sources();
  std::erase_if(sources, [&](const TrustSourceStatus& source) {
    return issuer.empty() || (source.issuer != issuer && source.trust_domain != issuer);
  });
  return sources;
}

bool has_issuer(const std::string& issuer, const AdminBackend& backend) {
  const policy::Policy* policy = backend.policy();
  return policy != nullptr && std::any_of(policy->issuers.begin(), policy->issuers.end(), [&](const auto& known) {
           return known.name == issuer || std::any_of(known.bundles.begin(), known.bundles.end(),
                                                      [&](const auto& bundle) { return bundle.first == issuer; });
         });
}

// The route and port problems of an address that is nobody's.
Check check_nobody(const IpAddress& address, const AdminBackend& backend) {
  const std::string whose = "no peer has the address " + address.to_string();
  for (const config::Port& port : backend.configuration().ports)
    for (const IpPrefix& prefix : port.addresses)
      if (prefix.network().contains(address))
        return {"peer", Result::failed, whose + ": it is in the network of port " + port.name};
  for (const config::Route& route : backend.configuration().routes)
    if (route.to.contains(address))
      return {"peer", Result::failed, whose + ": it is behind " + route.via.to_string() + " at port " + route.port};
  return {"peer", Result::failed, whose + ", now: whoever had it is not enrolled any more, or it was never given out"};
}

}  // namespace

std::vector<Check> walk_gateway(const AdminBackend& backend, const RequestTime& time) {
  const TimePoint now = wall_clock(time);
  std::vector<Check> checks = walk_underlay(backend, time, {});
  for (const NeighbourSeen& gateway : gateways_seen(backend)) checks.push_back(check_neighbour(gateway));
  for (const TrustSourceStatus& source : backend.trust_sources()) checks.push_back(check_trust(source, now));
  for (const ClusterStatus& cluster : backend.clusters()) checks.push_back(check_cluster(cluster, now));
  for (const auto& pool : backend.pool_use()) checks.push_back(check_pool(pool));
  checks.push_back(check_problems(backend.problems()));
  return checks;
}

// 1. The wire. 2. The tunnel, from who may have it to what passes through it. 3. The policy. 4. The inner path.
std::vector<Check> walk_peer(const Peer& peer, const AdminBackend& backend, const RequestTime& time) {
  const Subject subject(peer, backend, time);
  std::vector<Check> checks = walk_underlay(backend, time, subject.port);
  if (const auto next_hop = next_hop_seen(subject)) checks.push_back(check_neighbour(*next_hop));
  checks.push_back(check_peer(peer_seen(subject)));
  if (subject.session != nullptr) checks.push_back(check_proof(proof_seen(*subject.session, subject.now)));
  checks.push_back(check_handshake(handshake_seen(subject)));
  checks.push_back(check_session(tunnel_seen(subject)));
  checks.push_back(check_source(source_seen(subject)));
  const policy::Facts facts = peer.facts;
  checks.push_back(check_class(class_seen(facts, backend, subject.now)));
  checks.push_back(check_rule(rule_seen(facts, backend, subject.now)));
  checks.push_back(check_route(route_seen(subject)));
  if (const auto mtu = mtu_seen(subject)) checks.push_back(check_mtu(*mtu));
  if (subject.session != nullptr) checks.push_back(check_client(client_seen(subject)));
  return checks;
}

std::vector<Check> walk_identity(const std::string& identity, const AdminBackend& backend, const RequestTime& time) {
  const TimePoint now = wall_clock(time);
  const std::string issuer = issuer_in(identity);
  IdentitySeen seen{
      .identity = identity, .revocation = find_revocation(backend, RevocationKind::identity, identity), .pin = {}};
  for (PinnedName& pin : backend.pinned_names())
    if (pin.identity == identity) seen.pin = std::move(pin);
  std::vector<Check> checks = {check_identity(seen)};
  for (const TrustSourceStatus& source : sources_of(issuer, backend)) checks.push_back(check_trust(source, now));
  checks.push_back(check_enrolment({.enabled = backend.configuration().enrolment.has_value(),
                                    .identity = identity,
                                    .issuer = issuer,
                                    .issuer_known = has_issuer(issuer, backend),
                                    .refused = refused_proofs(backend)}));
  policy::Facts facts;
  facts.names.push_back(identity);
  checks.push_back(check_class(class_seen(facts, backend, now)));
  return checks;
}

std::vector<Check> walk_address(const IpAddress& address, const AdminBackend& backend, const RequestTime& time) {
  std::vector<Check> checks = walk_underlay(backend, time, {});
  checks.push_back(check_nobody(address, backend));
  return checks;
}

}  // namespace sallyport::controlplane::diagnose
