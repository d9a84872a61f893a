#include "dataplane/housekeeping/paths.hpp"

#include <algorithm>

#include "dataplane/packet/wireguard.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::size_t most_per_poll = 1024;

}  // namespace

bool Paths::move_endpoint(std::uint32_t peer_id, const IpEndpoint& remote, const IpEndpoint& local,
                          std::uint64_t seen_at_ns) noexcept {
  PeerRecord& peer = state_.peers[peer_id];
  if (seen_at_ns < peer.endpoint_seen_at_ns || (seen_at_ns == 0 && peer.endpoint.is_set())) return false;
  peer.endpoint_seen_at_ns = seen_at_ns;
  if (peer.endpoint == remote && peer.local == local) return false;
  peer.endpoint = remote;
  peer.local = local;
  refresh(peer_id);
  return true;
}

void Paths::refresh(std::uint32_t peer_id) noexcept {
  PeerRecord& peer = state_.peers[peer_id];
  peer.path_outdated = true;
  if (!peer.path_in_grace) publish(peer_id);
}

void Paths::refresh_all() noexcept {
  for (const std::uint32_t peer_id : state_.live_peers) refresh(peer_id);
}

void Paths::publish(std::uint32_t peer_id) noexcept {
  PeerRecord& record = state_.peers[peer_id];
  Peer& peer = context_.tables.peers[peer_id];
  const Tunnel* tunnel = context_.tables.tunnels.find(record.tunnel_id);
  const std::uint8_t active = peer.active_path.load(std::memory_order_relaxed) & 1;
  TunnelPath& path = peer.paths[active ^ 1];
  path = TunnelPath{};
  path.neighbour_index = no_neighbour;
  path.port_index = no_port;
  path.remote = record.endpoint;
  path.local = record.local;

  std::uint32_t neighbour = no_neighbour;
  if (record.live && tunnel != nullptr && record.endpoint.is_set()) {
    const auto hop =
        find_underlay_hop(context_.tables.ports, underlay_routes_, record.endpoint.address, record.local.address);
    if (hop) {
      neighbour = neighbours_.acquire(hop->port_index, hop->next_hop);
      const IpEndpoint local{.address = hop->local, .port = tunnel->listen_port};
      path.outer = make_outer_template(local, record.endpoint, tunnel->udp_checksum);
      path.local = local;
      path.port_index = hop->port_index;
      path.neighbour_index = neighbour;
      const int fits = context_.tables.ports.port(hop->port_index).mtu - path.outer.header_bytes -
                       static_cast<int>(wireguard_data_overhead_bytes);
      path.inner_mtu = static_cast<std::uint16_t>(std::clamp<int>(fits, 0, tunnel->mtu));
    }
  }
  peer.active_path.store(active ^ 1, std::memory_order_release);
  record.retiring_neighbour = record.path_neighbour;
  record.path_neighbour = neighbour;
  record.path_outdated = false;
  record.path_in_grace = true;
  in_grace_.retire(peer_id);
}

void Paths::poll() noexcept {
  in_grace_.poll(most_per_poll, [this](std::uint32_t peer_id) {
    PeerRecord& peer = state_.peers[peer_id];
    peer.path_in_grace = false;
    if (peer.retiring_neighbour != no_neighbour) neighbours_.release(peer.retiring_neighbour);
    peer.retiring_neighbour = no_neighbour;
    if (peer.path_outdated) publish(peer_id);
  });
}

}  // namespace sallyport::dataplane
