// Stage 6: where to. By the inner destination into a peer's tunnel, or out of an inside port to a neighbour. Here the
// hop is taken from the TTL, a TCP handshake learns what fits the tunnel, and what does not fit is fragmented or
// refused.
#include "dataplane/packet/mss_clamp.hpp"
#include "dataplane/packet/ttl.hpp"
#include "dataplane/stages/fragment.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

bool to_group(const Packet* packet, const PacketMeta& meta) noexcept {
  const std::uint8_t first = rte_pktmbuf_mtod(packet, const std::uint8_t*)[meta.ip.destination_offset()];
  return meta.ip.is_v4() ? (first & 0xf0) >= 0xe0 : first == 0xff;
}

bool is_link_local_v6(const Packet* packet, std::size_t offset) noexcept {
  const std::uint8_t* address = rte_pktmbuf_mtod(packet, const std::uint8_t*) + offset;
  return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

// The MTU of the tunnel that a packet came through bounds what its TCP peer may send back.
std::uint16_t clamp_mtu(const WorkerContext& worker, std::uint32_t peer_id) noexcept {
  if (peer_id == abi::no_peer) return 0xffff;
  const Peer& peer = worker.tables.peers[peer_id];
  const Tunnel* tunnel = worker.tables.tunnels.find(peer.tunnel_id.load(std::memory_order_relaxed));
  if (tunnel == nullptr || !tunnel->mss_clamp) return 0xffff;
  const std::uint16_t path_mtu = peer.path().inner_mtu;
  return path_mtu != 0 ? path_mtu : tunnel->mtu;
}

// No IPv6 host sends less than the least MTU, whatever it is told (RFC 8200, section 5): where the path does not carry
// it, the outer packet is fragmented (RFC 2473, section 7.1).
std::uint16_t tunnel_mtu(const WorkerContext& worker, std::uint32_t peer_id, IpFamily family) noexcept {
  const Peer& peer = worker.tables.peers[peer_id];
  std::uint16_t mtu = peer.path().inner_mtu;
  if (mtu == 0) {
    const Tunnel* tunnel = worker.tables.tunnels.find(peer.tunnel_id.load(std::memory_order_relaxed));
    mtu = tunnel != nullptr ? tunnel->mtu : std::uint16_t{ipv6_minimum_mtu};
  }
  return family == IpFamily::v6 ? std::max<std::uint16_t>(mtu, ipv6_minimum_mtu) : mtu;
}

// Where the packet leaves: a batch of the worker, or housekeeping.
void leave(WorkerContext& worker, Packet* packet, const RouteEntry& next) noexcept {
  PacketMeta& meta = meta_of(packet);
  if (next.kind == NextHopKind::peer) {
    meta.destination_peer = next.peer_id;
    return worker.push_to_seal(packet);
  }
  meta.tx_port = next.port_index;
  meta.neighbour_index = next.kind == NextHopKind::connected ? no_neighbour : next.neighbour_index;
  // One that waited for the neighbour has been seen.
  if (!meta.took_hop) worker.capture.take_if(abi::CapturePoint::inner_sent, packet, true);
  worker.push_to_neighbour(packet);
}

void forward(WorkerContext& worker, Packet* packet, const RouteEntry& next) noexcept {
  PacketMeta& meta = meta_of(packet);
  const bool into_tunnel = next.kind == NextHopKind::peer;
  if (into_tunnel ? next.peer_id == meta.source_peer
                  : meta.source_peer == abi::no_peer && next.port_index == meta.rx_port)
    return worker.drop(packet, DropReason::loop);
  std::uint8_t* const data = rte_pktmbuf_mtod(packet, std::uint8_t*);
  const std::uint16_t mtu =
      into_tunnel ? tunnel_mtu(worker, next.peer_id, meta.ip.family) : worker.tables.ports.port(next.port_index).mtu;
  if (meta.ip.total_bytes > mtu && (meta.ip.dont_fragment || !meta.ip.is_v4()))
    return worker.drop_with_icmp(packet, DropReason::too_big, {.kind = IcmpErrorKind::packet_too_big, .mtu = mtu});
  if (!meta.is_trusted && !meta.took_hop) {
    if (!decrement_ttl(data, meta.ip))
      return worker.drop_with_icmp(packet, DropReason::ttl_expired, {.kind = IcmpErrorKind::time_exceeded});
    const std::uint16_t source_mtu = clamp_mtu(worker, meta.source_peer);
    const std::uint16_t clamp = into_tunnel ? std::min(source_mtu, clamp_mtu(worker, next.peer_id)) : source_mtu;
    if (clamp != 0xffff && clamp_mss(bytes_of(packet), meta.ip, mss_for_mtu(clamp, meta.ip.family)))
      worker.counters.add(meta.rx_port, Counter::mss_clamped);
  }
  if (meta.ip.total_bytes <= mtu) return leave(worker, packet, next);
  const std::uint32_t identification = 0;  // an IPv4 packet has its own
  fragment(worker, packet, mtu, identification, [&](Packet* fragment) { leave(worker, fragment, next); });
}

void route_one(WorkerContext& worker, Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const RouteEntry& next = worker.tables.routes.entry(static_cast<RouteIndex>(meta.destination_route));
  if (to_group(packet, meta)) return worker.drop(packet, DropReason::multicast);
  // RFC 4291, 2.5.6: never forwarded to another link.
  if (!meta.ip.is_v4() && !meta.is_trusted &&
      (is_link_local_v6(packet, meta.ip.source_offset()) || is_link_local_v6(packet, meta.ip.destination_offset())))
    return worker.drop(packet, DropReason::no_route);
  switch (next.kind) {
    case NextHopKind::none:
    case NextHopKind::blackhole:
      return worker.drop_with_icmp(packet, DropReason::no_route, {.kind = IcmpErrorKind::no_route});
    case NextHopKind::local:
      return meta.is_trusted ? worker.drop(packet, DropReason::loop)
                             : worker.to_housekeeping(packet, Task::own_inner_address);
    case NextHopKind::peer:
    case NextHopKind::port:
    case NextHopKind::connected:
      return forward(worker, packet, next);
  }
}

}  // namespace

void route(WorkerContext& worker, Batch& packets) noexcept {
  for (Packet* packet : packets) route_one(worker, packet);
  packets.clear();
}

}  // namespace sallyport::dataplane
