#include "dataplane/housekeeping/wireguard_gate.hpp"

#include <cstring>

#include "config/base/check.hpp"
#include "dataplane/crypto/handshake_macs.hpp"
#include "dataplane/packet/ecn.hpp"
#include "dataplane/packet/ip_header_template.hpp"
#include "dataplane/packet/wireguard.hpp"
#include "dataplane/pipeline/link_header.hpp"

namespace sallyport::dataplane {
namespace {

// The Ethernet header of the frame that brought the datagram still lies before its IP header.
bool load_link_header(const Packet* packet, const LogicalPort& port, EthernetHeader& out) noexcept {
  const PacketMeta& meta = meta_of(packet);
  if (meta.outer_offset < ethernet_header_bytes) return false;
  out = load_wire<EthernetHeader>(static_cast<const std::uint8_t*>(packet->buf_addr) + meta.outer_offset -
                                  ethernet_header_bytes);
  const EtherType type = meta.outer_is_v6 != 0 ? EtherType::ipv6 : EtherType::ipv4;
  return out.destination == mac_of(port) && out.source.is_unicast() &&
         out.type.host() == static_cast<std::uint16_t>(type);
}

}  // namespace

WireguardGate::WireguardGate(HousekeepingContext& context, abi::StatisticsHeader& statistics)
    : context_(context), statistics_(statistics) {
  SP_CHECK(sodium_init() >= 0);
}

void WireguardGate::handle(Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const WireguardMessage kind = classify_wireguard(bytes_of(packet));
  if (meta.rx_port >= context_.tables.ports.ports().size() || meta.outer_payload_offset < udp_header_bytes ||
      kind == WireguardMessage::invalid || kind == WireguardMessage::data)
    return context_.counters.drop(packet, DropReason::unknown_message);
  const ReceivedEndpoints endpoints = received_endpoints(packet);
  const Tunnel* tunnel = context_.tables.tunnels.find_by_listen_port(endpoints.local.port);
  if (tunnel == nullptr) return context_.counters.drop(packet, DropReason::no_listener);  // removed a moment ago
  if (!context_.link.connected()) return context_.counters.drop(packet, DropReason::control_plane_absent);

  if (kind == WireguardMessage::cookie_reply) {
    if (!received_cookies_.take(context_.now_ns)) return context_.counters.drop(packet, DropReason::handshake_rate);
    return punt(packet, *tunnel, endpoints, ControlLink::UpRing::unproven);
  }
  const bool proven = meta.mac2_valid != 0;
  if (!proven) measure_load();
  if (!proven) {
    if (under_load()) return answer_with_cookie(packet, *tunnel, endpoints);
    return punt(packet, *tunnel, endpoints, ControlLink::UpRing::unproven);
  }
  // Always: a cookie outlives the load that it was given under.
  if (!proven_by_source_.take(endpoints.remote.address, context_.now_ns))
    return context_.counters.drop(packet, DropReason::handshake_rate);
  punt(packet, *tunnel, endpoints, ControlLink::UpRing::proven);
}

void WireguardGate::measure_load() noexcept {
  const bool too_fast = !unproven_.take(context_.now_ns);
  if (!too_fast && context_.link.unproven_backlog() <= overload_backlog) return;
  under_load_until_ns_ = context_.now_ns + calm_ns;
  publish_load();
}

void WireguardGate::poll() noexcept {
  // Nobody may come any more while the control plane still works through the backlog.
  if (under_load() && context_.link.unproven_backlog() > overload_backlog)
    under_load_until_ns_ = context_.now_ns + calm_ns;
  publish_load();
}

void WireguardGate::publish_load() noexcept {
  // Relaxed: a number to look at.
  const std::uint32_t load = under_load() ? 1 : 0;
  if (statistics_.under_load.load(std::memory_order_relaxed) != load)
    statistics_.under_load.store(load, std::memory_order_relaxed);
}

void WireguardGate::answer_with_cookie(Packet* packet, const Tunnel& tunnel,
                                       const ReceivedEndpoints& endpoints) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const LogicalPort& port = context_.tables.ports.port(meta.rx_port);
  if (!cookie_replies_.take(context_.now_ns)) return context_.counters.drop(packet, DropReason::handshake_rate);
  // Back to the station that the message came from: no route, no neighbour and no memory for an unproven sender.
  EthernetHeader link;
  if (!load_link_header(packet, port, link)) return context_.counters.drop(packet, DropReason::no_underlay_route);
  const OuterHeaderTemplate outer = make_outer_template(endpoints.local, endpoints.remote, tunnel.udp_checksum);
  const std::size_t address_bytes = endpoints.remote.address.is_v4() ? 4 : 16;
  const auto nonce = random_.take<cookie_nonce_bytes>();
  std::array<std::uint8_t, cookie_reply_bytes> reply;
  if (!outer.is_set() || !tunnel.wireguard.cookies.make_cookie_reply(
                             bytes_of(packet), {endpoints.remote.address.bytes.data(), address_bytes},
                             endpoints.remote.port, nonce, reply))
    return context_.counters.drop(packet, DropReason::unknown_message);

  // The message's own buffer becomes the reply: it is shorter, and its headers are no longer than those of the message.
  context_.counters.count_drop(meta.rx_port, DropReason::answered_with_cookie);
  context_.counters.add(meta.rx_port, Counter::cookie_replies_sent);
  packet->data_off = static_cast<std::uint16_t>(meta.outer_offset - ethernet_header_bytes);
  shorten(packet, ethernet_header_bytes + outer.header_bytes + reply.size());
  packet->ol_flags = 0;
  packet->l2_len = 0;
  std::uint8_t* at = rte_pktmbuf_mtod(packet, std::uint8_t*);
  store_wire(at, EthernetHeader{.destination = link.source, .source = mac_of(port), .type = link.type});
  at += ethernet_header_bytes;
  std::memcpy(at + outer.header_bytes, reply.data(), reply.size());
  write_outer_header(outer, at, reply.size(), load_wire<Be16>(nonce.data()).host(), outer_tos_for_handshake);
  write_udp_checksum(outer, at, reply.size());
  reset_meta(packet, abi::no_port);
  context_.count_originated(packet);
  context_.transmit(packet, port.index);
}

void WireguardGate::punt(Packet* packet, const Tunnel& tunnel, const ReceivedEndpoints& endpoints,
                         ControlLink::UpRing ring) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const bool pushed = context_.link.push_packet(ring, [&](abi::PacketUp& slot) {
    slot.version = abi::version;
    slot.length_bytes = packet->data_len;
    slot.tunnel_id = tunnel.tunnel_id;
    slot.port_index = meta.rx_port;
    slot.mac2_valid = meta.mac2_valid;
    slot.received_at_ns = context_.now_ns;
    slot.remote = endpoints.remote;
    slot.local = endpoints.local;
    std::memcpy(slot.data.data(), bytes_of(packet).data(), packet->data_len);
  });
  if (pushed) return context_.counters.finish(packet, Counter::punted);
  context_.counters.drop(
      packet, context_.link.connected() ? DropReason::handshake_queue_full : DropReason::control_plane_absent);
}

static_assert(wireguard_initiation_bytes <= abi::packet_slot_data_bytes);

}  // namespace sallyport::dataplane
