// Stage 2: what is this frame, and whose? The cheapest question first; nothing behind this stage judges a link header
// or an outer header again.
#include "dataplane/io/vlan.hpp"
#include "dataplane/packet/ethernet.hpp"
#include "dataplane/packet/ip_parse.hpp"
#include "dataplane/packet/udp.hpp"
#include "dataplane/stages/parse_errors.hpp"
#include "dataplane/stages/stages.hpp"
#include "dataplane/stages/wireguard_messages.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned prefetch_distance = 4;

bool is_own_mac(const LogicalPort& port, const std::uint8_t* destination) noexcept {
  return std::memcmp(destination, port.mac.data(), port.mac.size()) == 0;
}

// A group address that an IP host listens to: broadcast (ARP) and the IPv6 groups.
bool is_own_group(const std::uint8_t* destination) noexcept {
  constexpr std::uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  return (destination[0] == 0x33 && destination[1] == 0x33) || std::memcmp(destination, broadcast, 6) == 0;
}

unsigned checksum_flags(const Packet* packet) noexcept {
  return (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD
             ? parse_header_checksum_verified
             : parse_default;
}

bool device_says_bad_checksum(const Packet* packet) noexcept {
  return (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
         (packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

// UDP to a tunnel's port. `packet` starts at the IP header; afterwards at the message.
void classify_message(WorkerContext& worker, Packet* packet, const Tunnel& tunnel,
                      std::span<const std::uint8_t> message, HandshakeBurst& burst) noexcept {
  PacketMeta& meta = meta_of(packet);
  auto* const start = static_cast<std::uint8_t*>(packet->buf_addr);
  meta.outer_offset = packet->data_off;
  meta.outer_payload_offset = static_cast<std::uint16_t>(message.data() - start);
  meta.outer_is_v6 = !meta.ip.is_v4();
  meta.layer = Layer::message;
  meta.outer_tos = meta.ip.tos;
  packet->data_off = meta.outer_payload_offset;
  packet->data_len = static_cast<std::uint16_t>(message.size());
  packet->pkt_len = packet->data_len;
  switch (tunnel.protocol) {
    case abi::TunnelProtocol::wireguard:
      return classify_wireguard_message(worker, packet, tunnel, burst);
  }
}

// An IP packet to one of the port's own addresses; the data pointer is at the Ethernet header.
void classify_own(WorkerContext& worker, const LogicalPort& port, Packet* packet, std::uint16_t l3_offset,
                  HandshakeBurst& burst) noexcept;

// A fragment to one of our addresses joins the others; the whole packet is judged again.
void classify_fragment(WorkerContext& worker, const LogicalPort& port, Packet* packet, std::uint16_t l3_offset,
                       HandshakeBurst& burst) noexcept {
  std::array<std::uint8_t, ethernet_header_bytes> link_header;
  std::memcpy(link_header.data(), rte_pktmbuf_mtod(packet, const std::uint8_t*), link_header.size());
  rte_pktmbuf_adj(packet, l3_offset);
  Packet* whole = worker.reassembly.add(packet, worker.now_tsc, worker.counters);
  if (whole == nullptr) return;
  PacketMeta& meta = meta_of(whole);
  // rte_ip_frag leaves the IPv4 header checksum to its caller.
  const IpParseError error = parse_ip(bytes_of(whole), meta.ip, parse_header_checksum_verified);
  if (error != IpParseError::none) return worker.drop(whole, drop_reason_of(error));
  if (meta.ip.is_fragment) return worker.drop(whole, DropReason::reassembly_failed);
  std::uint8_t* link = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(whole, ethernet_header_bytes));
  if (link == nullptr) return worker.drop(whole, DropReason::reassembly_failed);
  std::memcpy(link, link_header.data(), link_header.size());
  classify_own(worker, port, whole, ethernet_header_bytes, burst);
}

void classify_own(WorkerContext& worker, const LogicalPort& port, Packet* packet, std::uint16_t l3_offset,
                  HandshakeBurst& burst) noexcept {
  PacketMeta& meta = meta_of(packet);
  if (meta.ip.is_fragment) return classify_fragment(worker, port, packet, l3_offset, burst);
  const auto ip_packet = bytes_of(packet).subspan(l3_offset, meta.ip.total_bytes);
  if (meta.ip.l4_protocol == IpProtocol::udp && port.role == config::PortRole::underlay) {
    UdpHeader udp;
    std::span<const std::uint8_t> message;
    if (!udp_payload(ip_packet.subspan(meta.ip.l4_offset), udp, message))
      return worker.drop(packet, DropReason::truncated);
    const Tunnel* tunnel = worker.tables.tunnels.find_by_listen_port(udp.destination_port.host());
    if (tunnel != nullptr) {
      if (udp.source_port.host() == 0) return worker.drop(packet, DropReason::bad_source);
      rte_pktmbuf_adj(packet, l3_offset);
      return classify_message(worker, packet, *tunnel, message, burst);
    }
  }
  const bool is_icmp = meta.ip.l4_protocol == (meta.ip.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6);
  if (!is_icmp && port.host.empty()) return worker.drop(packet, DropReason::no_listener);
  worker.to_housekeeping(packet, Task::own_address);
}

void classify_ip(WorkerContext& worker, const LogicalPort& port, Packet* packet, const ParsedFrame& frame,
                 HandshakeBurst& burst) noexcept {
  PacketMeta& meta = meta_of(packet);
  if (device_says_bad_checksum(packet)) return worker.drop(packet, DropReason::bad_checksum);
  const auto ip_bytes = bytes_of(packet).subspan(frame.l3_offset);
  const unsigned flags = checksum_flags(packet) | (frame.to_group ? parse_allow_unspecified_source : parse_default);
  const IpParseError error = parse_ip(ip_bytes, meta.ip, flags);
  if (error != IpParseError::none) return worker.drop(packet, drop_reason_of(error));
  if (meta.ip.is_v4() != (frame.type == EtherType::ipv4)) return worker.drop(packet, DropReason::bad_ip_header);

  const OwnAddresses& own = worker.own_addresses(port.index);
  if (own.contains(ip_bytes.data() + meta.ip.source_offset(), meta.ip.is_v4()))
    return worker.drop(packet, DropReason::bad_source);
  if (frame.to_group) {
    // Neighbour discovery is the one thing that we take from a group.
    const bool discovery = meta.ip.l4_protocol == IpProtocol::icmpv6 && !meta.ip.is_v4() && !meta.ip.is_fragment;
    return discovery ? worker.to_housekeeping(packet, Task::own_address) : worker.drop(packet, DropReason::multicast);
  }
  if (own.contains(ip_bytes.data() + meta.ip.destination_offset(), meta.ip.is_v4()))
    return classify_own(worker, port, packet, frame.l3_offset, burst);
  if (port.role == config::PortRole::underlay) return worker.drop(packet, DropReason::not_our_address);

  // Plain inside traffic: from here on the packet starts at its IP header and ends where that says.
  rte_pktmbuf_adj(packet, frame.l3_offset);
  rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(packet->data_len - meta.ip.total_bytes));
  meta.layer = Layer::ip;
  worker.capture.take_if(abi::CapturePoint::inner_received, packet, true);
  worker.plain.push(packet);
}

void classify_frame(WorkerContext& worker, std::uint8_t device, Packet* packet, HandshakeBurst& burst) noexcept {
  reset_meta(packet, abi::no_port);
  PacketMeta& meta = meta_of(packet);
  const std::uint32_t frame_bytes = packet->pkt_len;
  const std::uint8_t port_index = packet->nb_segs == 1 || rte_pktmbuf_linearize(packet) == 0
                                      ? worker.tables.ports.find(device, take_vlan(*packet))
                                      : no_port;
  meta.rx_port = port_index;
  worker.counters.add(port_index, Counter::received);
  worker.counters.add(port_index, Counter::received_bytes, frame_bytes);
  if (packet->nb_segs != 1) return worker.drop(packet, DropReason::too_big);
  if (port_index == no_port) return worker.drop(packet, DropReason::unknown_vlan);
  worker.capture.take_if(abi::CapturePoint::outer_received, packet, false);

  ParsedFrame frame;
  switch (parse_frame(bytes_of(packet), frame)) {
    case FrameError::none:
      break;
    case FrameError::truncated:
      return worker.drop(packet, DropReason::truncated);
    case FrameError::bad_source:
      return worker.drop(packet, DropReason::bad_source);
    case FrameError::not_ethernet2:
    case FrameError::double_tagged:
      return worker.drop(packet, DropReason::unknown_ethertype);
  }
  // take_vlan() has removed the one tag that a frame may have.
  if (frame.l3_offset != ethernet_header_bytes) return worker.drop(packet, DropReason::unknown_ethertype);
  const LogicalPort& port = worker.tables.ports.port(port_index);
  const std::uint8_t* destination = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  if (!(frame.to_group ? is_own_group(destination) : is_own_mac(port, destination)))
    return worker.drop(packet, DropReason::not_for_us);
  switch (frame.type) {
    case EtherType::ipv4:
    case EtherType::ipv6:
      return classify_ip(worker, port, packet, frame, burst);
    case EtherType::arp:
      return worker.to_housekeeping(packet, Task::own_address);
    default:
      return worker.drop(packet, DropReason::unknown_ethertype);
  }
}

}  // namespace

void classify(WorkerContext& worker, std::uint8_t device, Packet** frames, unsigned count) noexcept {
  HandshakeBurst burst;
  for (unsigned i = 0; i < count && i < prefetch_distance; ++i) rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void*));
  for (unsigned i = 0; i < count; ++i) {
    if (i + prefetch_distance < count) rte_prefetch0(rte_pktmbuf_mtod(frames[i + prefetch_distance], const void*));
    classify_frame(worker, device, frames[i], burst);
  }
  burst.finish(worker);
}

}  // namespace sallyport::dataplane
