#include <algorithm>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/reachability.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

const config::Wireguard* tunnel_of(const Peer& peer, const config::Config& configuration) {
  const auto found = std::find_if(configuration.wireguards.begin(), configuration.wireguards.end(),
                                  [&](const config::Wireguard& tunnel) { return tunnel.name == peer.interface; });
  return found == configuration.wireguards.end() ? nullptr : &*found;
}

// What lies behind the gateway: the networks of inside ports, what a [[route]] behind them reaches, and the tunnel's
// own prefixes.
std::vector<IpPrefix> reachable_prefixes(const config::Wireguard* tunnel, const config::Config& configuration) {
  std::vector<IpPrefix> prefixes;
  for (const config::Port& port : configuration.ports) {
    if (port.role != config::PortRole::inside) continue;
    for (const IpPrefix& address : port.addresses) prefixes.push_back(address.network());
    for (const IpAddress& gateway : port.gateway)
      prefixes.push_back({.address = {.bytes = {}, .family = gateway.family}, .length = 0});
  }
  for (const config::Route& route : configuration.routes)
    if (is_inner(route, configuration)) prefixes.push_back(route.to.network());
  if (tunnel != nullptr)
    for (const IpPrefix& address : tunnel->addresses) prefixes.push_back(address.network());
  return prefixes;
}

// Sorted, without those that another one contains.
std::vector<IpPrefix> minimal(std::vector<IpPrefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end(), [](const IpPrefix& a, const IpPrefix& b) {
    return std::tuple(a.address.family, a.address, a.length) < std::tuple(b.address.family, b.address, b.length);
  });
  std::vector<IpPrefix> kept;
  for (const IpPrefix& prefix : prefixes)  // a container sorts directly before what it contains
    if (kept.empty() || !kept.back().contains(prefix)) kept.push_back(prefix);
  return kept;
}

std::optional<IpEndpoint> first_underlay_endpoint(const config::Wireguard* tunnel,
                                                  const config::Config& configuration) {
  if (tunnel == nullptr) return std::nullopt;
  for (const config::Port& port : configuration.ports)
    if (port.role == config::PortRole::underlay && !port.addresses.empty())
      return IpEndpoint{.address = port.addresses.front().address, .port = tunnel->listen_port};
  return std::nullopt;
}

Json dns_json(const Peer& peer, const config::Config& configuration) {
  Json dns = Json::array();
  if (configuration.enrolment && configuration.enrolment->wireguard == peer.interface)
    for (const IpAddress& server : configuration.enrolment->dns) dns.push_back(server.to_string());
  return dns;
}

// What a wg-quick file for this peer needs and the gateway knows. Never a secret: the preshared key is named by its
// file.
Json client_configuration_view(const Peer& peer, const AdminBackend& backend) {
  const config::Config& configuration = backend.configuration();
  const config::Wireguard* tunnel = tunnel_of(peer, configuration);
  const auto server_key = backend.tunnel_public_key(peer.interface);
  const auto endpoint = first_underlay_endpoint(tunnel, configuration);
  Json addresses = Json::array(), networks = Json::array(), allowed = Json::array();
  for (const IpPrefix& prefix : peer.prefixes) (prefix.is_host() ? addresses : networks).push_back(prefix.to_string());
  for (const IpPrefix& prefix : minimal(reachable_prefixes(tunnel, configuration)))
    allowed.push_back(prefix.to_string());
  return {{"peer", peer.name},
          {"tunnel", peer.interface},
          {"public_key", encode_key(peer.public_key)},
          {"addresses", std::move(addresses)},
          {"networks_behind_peer", std::move(networks)},
          {"mtu", tunnel == nullptr ? Json() : Json(tunnel->mtu)},
          {"gateway_public_key", server_key ? Json(encode_key(*server_key)) : Json()},
          {"endpoint", endpoint ? Json(endpoint->to_string()) : Json()},
          {"allowed_ips", std::move(allowed)},
          {"dns", dns_json(peer, configuration)},
          {"preshared_key_file", peer.preshared_key_file ? Json(peer.preshared_key_file->string()) : Json()},
          {"persistent_keepalive_s", peer.persistent_keepalive ? Json(peer.persistent_keepalive->count()) : Json()}};
}

HttpResponse get_client_configuration(const Call& call) {
  const Peer* peer = find_peer(call.backend, call.name);
  if (peer == nullptr) return unknown_peer(call.backend, call.name);
  if (peer->origin == PeerOrigin::proof)
    return failure(409, "the peer " + in_quotes(call.name) +
                            " enrolled itself, and its client was told what it needs: nothing is written for it");
  return document(client_configuration_view(*peer, call.backend));
}

}  // namespace

std::span<const Endpoint> client_configuration_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"client-config", "NAME"}, get_client_configuration, "what a peer's own configuration needs"},
  };
  return list;
}

}  // namespace sallyport::controlplane
