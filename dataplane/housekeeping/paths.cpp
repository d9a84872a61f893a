#include "dataplane/housekeeping/paths.hpp"

#include <algorithm>
#include <cstring>

namespace sallyport::dataplane {
namespace {

constexpr std::size_t most_switched_per_poll = 1024;
constexpr std::uint64_t restore_interval_ns = second_ns;

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
      if (record.path_mtu_remote != record.endpoint) record.path_mtu = 0;  // of another path
      const int outer_mtu = std::min<int>(context_.tables.ports.port(hop->port_index).mtu,
                                          record.path_mtu != 0 ? record.path_mtu : 0xffff);
      const int fits = outer_mtu - path.outer.header_bytes - tunnel->overhead_bytes;
      path.outer_mtu = static_cast<std::uint16_t>(outer_mtu);
      path.inner_mtu = static_cast<std::uint16_t>(std::clamp<int>(fits, 0, tunnel->mtu));
    }
  }
  index(peer_id, path.port_index != no_port ? record.endpoint : IpEndpoint{});
  peer.active_path.store(active ^ 1, std::memory_order_release);
  record.retiring_neighbour = record.path_neighbour;
  record.path_neighbour = neighbour;
  record.path_outdated = false;
  record.path_in_grace = true;
  in_grace_.retire(peer_id);
}

void Paths::poll() noexcept {
  in_grace_.poll(most_switched_per_poll, [this](std::uint32_t peer_id) {
    PeerRecord& peer = state_.peers[peer_id];
    peer.path_in_grace = false;
    if (peer.retiring_neighbour != no_neighbour) neighbours_.release(peer.retiring_neighbour);
    peer.retiring_neighbour = no_neighbour;
    if (peer.path_outdated) publish(peer_id);
  });
  if (context_.now_ns >= next_restore_ns_) restore_mtus();
}

// --- the MTU of a path ---

bool Paths::lower_mtu(std::uint32_t peer_id, std::uint16_t outer_mtu) noexcept {
  PeerRecord& record = state_.peers[peer_id];
  const TunnelPath& path = context_.tables.peers[peer_id].path();
  if (path.port_index == no_port || outer_mtu >= context_.tables.ports.port(path.port_index).mtu) return false;
  const bool is_lowered = record.path_mtu != 0 && record.path_mtu_remote == record.endpoint;
  if (is_lowered && outer_mtu >= record.path_mtu) return false;
  record.path_mtu = outer_mtu;
  record.path_mtu_remote = record.endpoint;
  record.path_mtu_until_ns = context_.now_ns + lowered_mtu_lifetime_ns;
  if (!record.in_lowered) lowered_.push_back(peer_id);
  record.in_lowered = true;
  refresh(peer_id);
  return true;
}

void Paths::restore_mtus() noexcept {
  next_restore_ns_ = context_.now_ns + restore_interval_ns;
  std::erase_if(lowered_, [this](std::uint32_t peer_id) {
    PeerRecord& record = state_.peers[peer_id];
    if (record.path_mtu != 0 && context_.now_ns < record.path_mtu_until_ns) return false;
    record.in_lowered = false;
    if (record.path_mtu == 0) return true;
    record.path_mtu = 0;
    if (record.live) refresh(peer_id);
    return true;
  });
}

// --- peers by endpoint ---

std::size_t Paths::bucket_of(const IpEndpoint& remote) const noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, remote.address.bytes.data(), sizeof halves);
  const std::uint64_t mixed = (halves[0] ^ std::rotl(halves[1], 23) ^ remote.port) * 0x9e3779b97f4a7c15ULL;
  return (mixed >> 32) & (heads_.size() - 1);
}

void Paths::index(std::uint32_t peer_id, const IpEndpoint& remote) noexcept {
  PeerRecord& record = state_.peers[peer_id];
  if (record.indexed_remote == remote) return;
  if (record.indexed_remote.is_set()) {
    const std::uint32_t before = record.previous_in_bucket, after = record.next_in_bucket;
    (before != abi::no_peer ? state_.peers[before].next_in_bucket : heads_[bucket_of(record.indexed_remote)]) = after;
    if (after != abi::no_peer) state_.peers[after].previous_in_bucket = before;
  }
  record.indexed_remote = remote;
  record.previous_in_bucket = record.next_in_bucket = abi::no_peer;
  if (!remote.is_set()) return;
  std::uint32_t& head = heads_[bucket_of(remote)];
  record.next_in_bucket = head;
  if (head != abi::no_peer) state_.peers[head].previous_in_bucket = peer_id;
  head = peer_id;
}

}  // namespace sallyport::dataplane
