#include "controlplane/peers/gateway_objects.hpp"

#include <algorithm>

namespace sallyport::controlplane {
namespace {

abi::SetTunnel tunnel_message(const config::Wireguard& tunnel, std::uint16_t id, const PublicKey& public_key) {
  abi::SetTunnel message{};
  message.tunnel_id = id;
  message.listen_port = tunnel.listen_port;
  message.mtu = tunnel.mtu;
  message.mss_clamp = tunnel.mss_clamp ? 1 : 0;
  message.udp_checksum = tunnel.udp_checksum == config::UdpChecksum::automatic ? 1 : 0;
  message.protocol = abi::TunnelProtocol::wireguard;
  message.wireguard.public_key = public_key;
  for (const IpPrefix& address : tunnel.addresses) {
    if (message.address_count == abi::max_addresses) break;
    message.addresses[message.address_count++] = address;
  }
  return message;
}

abi::SetPeer peer_message(const Peer& peer, std::uint32_t id, std::uint16_t tunnel_id, const IpEndpoint& endpoint) {
  abi::SetPeer message{};
  message.peer_id = id;
  message.tunnel_id = tunnel_id;
  message.persistent_keepalive_s =
      static_cast<std::uint16_t>(peer.persistent_keepalive.value_or(std::chrono::seconds(0)).count());
  message.key = peer.public_key;
  message.endpoint = endpoint;
  message.endpoint_generation = generation_of(endpoint);
  return message;
}

Named<abi::SetRoute> peer_route(const IpPrefix& prefix, const Peer& peer, std::uint32_t id) {
  abi::SetRoute route{};
  route.prefix = prefix;
  route.route_kind = abi::RouteKind::peer;
  route.peer_id = id;
  return {route, prefix.to_string() + " of peer " + peer.name};
}

}  // namespace

std::optional<PeerObjects> make_peer_objects(const Peer& peer, const GatewayKeys& keys, const ObjectIds& ids,
                                             const EndpointNames& names) {
  const auto id = ids.peer(peer);
  const auto tunnel_id = ids.tunnel(peer.interface);
  const auto peer_keys = keys.peers.find(peer.name);
  if (!id || !tunnel_id || peer_keys == keys.peers.end()) return std::nullopt;
  PeerObjects objects;
  const IpEndpoint endpoint = endpoint_of(peer, names);
  objects.peer = {peer_message(peer, *id, *tunnel_id, endpoint), peer.name};
  const auto former = keys.former_peers.find(peer.name);
  const bool has_former = former != keys.former_peers.end() && former->second->public_key != peer.public_key;
  if (has_former) objects.peer.message.former_key = former->second->public_key;
  for (const IpPrefix& prefix : peer.prefixes) objects.routes.push_back(peer_route(prefix, peer, *id));
  objects.service = {.peer_id = *id,
                     .tunnel_id = *tunnel_id,
                     .name = peer.name,
                     .keys = peer_keys->second,
                     .former_keys = has_former ? former->second : nullptr,
                     .endpoint = endpoint,
                     .has_endpoint_name = peer.endpoint && !peer.endpoint->literal,
                     .persistent_keepalive = peer.persistent_keepalive.has_value()};
  return objects;
}

GatewayObjects make_objects(const config::Config& configuration, std::span<const Peer> peers, const GatewayKeys& keys,
                            const ObjectIds& ids, const EndpointNames& names,
                            const std::map<PublicKey, wireguard::Tai64n>& floors) {
  GatewayObjects objects;
  for (const config::Wireguard& tunnel : configuration.wireguards) {
    const auto id = ids.tunnel(tunnel.name);
    const auto identity = keys.tunnels.find(tunnel.name);
    if (!id || identity == keys.tunnels.end()) continue;
    const PublicKey& public_key = identity->second->public_key;
    objects.desired.tunnels[*id] = {tunnel_message(tunnel, *id, public_key), tunnel.name};
    const auto floor = floors.find(public_key);
    objects.service.tunnels.push_back(
        {*id, tunnel.name, identity->second, floor == floors.end() ? wireguard::Tai64n{} : floor->second});
  }
  for (const Peer& peer : peers) {
    auto made = make_peer_objects(peer, keys, ids, names);
    if (!made) continue;
    for (Named<abi::SetRoute>& route : made->routes) objects.desired.routes[route.message.prefix] = std::move(route);
    objects.desired.peers[made->service.peer_id] = std::move(made->peer);
    objects.service.peers.push_back(std::move(made->service));
  }
  for (const config::Route& route : configuration.routes) {
    abi::SetRoute message{};
    message.prefix = route.to;
    message.route_kind = abi::RouteKind::via;
    message.peer_id = abi::no_peer;
    message.via = route.via;
    objects.desired.routes[route.to] = {message, route.to.to_string() + " via " + route.via.to_string()};
  }
  return objects;
}

IpEndpoint endpoint_of(const Peer& peer, const EndpointNames& names) {
  if (!peer.endpoint) return {};
  if (peer.endpoint->literal) return *peer.endpoint->literal;
  const IpAddress address = names.address_of(peer.endpoint->host);
  if (!address.is_set()) return {};
  return {.address = address, .port = peer.endpoint->port};
}

std::uint32_t generation_of(const IpEndpoint& endpoint) noexcept {
  if (!endpoint.is_set()) return 0;
  // FNV-1a: no secret, no adversary, only "the same" and "another".
  std::uint32_t value = 2166136261U;
  const auto mix = [&value](std::uint8_t byte) { value = (value ^ byte) * 16777619U; };
  for (const std::uint8_t byte : endpoint.address.bytes) mix(byte);
  mix(static_cast<std::uint8_t>(endpoint.address.family));
  mix(static_cast<std::uint8_t>(endpoint.port >> 8));
  mix(static_cast<std::uint8_t>(endpoint.port));
  return value == 0 ? 1 : value;
}

std::vector<std::string> endpoint_names(std::span<const Peer> peers) {
  std::vector<std::string> names;
  for (const Peer& peer : peers)
    if (peer.endpoint && !peer.endpoint->literal) names.push_back(peer.endpoint->host);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

UnderlayFamilies underlay_families(const config::Config& configuration) noexcept {
  UnderlayFamilies families;
  for (const config::Port& port : configuration.ports)
    if (port.role == config::PortRole::underlay)
      for (const IpPrefix& own : port.addresses) (own.address.is_v4() ? families.v4 : families.v6) = true;
  return families;
}

}  // namespace sallyport::controlplane
