// Every counter of the dataplane, declared once: the enum, the name, the text for `sallyctl counters` and the metric
// come from these lists.
//
// Flow counters make the packet accounting. Over the whole gateway, for all ports together:
//   received + originated = sent + punted + consumed + merged + dropped(by reason) + held
// and at rest held is 0.
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::abi {

// name, what it says
#define SALLYPORT_FLOW_COUNTERS(X)                                                                               \
  X(received, "packets taken from a port's receive queues")                                                      \
  X(originated, "packets that the gateway made: keepalives, ARP, ND, ICMP, cookies, handshakes, host interface") \
  X(sent, "packets handed to a port's transmit queues")                                                          \
  X(punted, "packets given to the control plane or to the host interface")                                       \
  X(consumed, "packets that ended here as they should: keepalives, ARP, ND, ICMP echo requests")                 \
  X(merged, "outer fragments that became part of a reassembled packet")

// Not part of the accounting: how often something happened.
#define SALLYPORT_EVENT_COUNTERS(X)                                                                            \
  X(received_bytes, "bytes taken from a port's receive queues, Ethernet header included")                      \
  X(sent_bytes, "bytes handed to a port's transmit queues, Ethernet header included")                          \
  X(opened, "tunnel packets whose tag verified")                                                               \
  X(sealed, "tunnel packets encrypted")                                                                        \
  X(keepalives_received, "empty tunnel packets received")                                                      \
  X(keepalives_sent, "empty tunnel packets sent")                                                              \
  X(handshakes_with_cookie, "handshake messages that carried a valid MAC2")                                    \
  X(handshakes_without_cookie, "handshake messages with a valid MAC1 and no valid MAC2")                       \
  X(cookie_replies_sent, "cookie replies sent while under load")                                               \
  X(roamed, "endpoints moved by authenticated data")                                                           \
  X(handed_over, "packets passed to the worker that owns their session or transmit queue")                     \
  X(reassembled, "outer packets put together from fragments")                                                  \
  X(mss_clamped, "TCP SYNs whose MSS was lowered")                                                             \
  X(icmp_errors_sent, "ICMP and ICMPv6 errors, and TCP resets, originated")                                    \
  X(icmp_errors_suppressed, "ICMP and ICMPv6 errors not sent because of their rate limit or RFC 1812 4.3.2.7") \
  X(path_mtu_lowered, "paths to a peer that a router said to be narrower than the port")                       \
  X(solicitations_sent, "ARP requests and neighbour solicitations sent")                                       \
  X(captured, "packets copied to a capture")                                                                   \
  X(capture_lost, "packets that a capture missed because its ring was full")                                   \
  X(flows_opened, "flows that the policy allowed to begin")                                                    \
  X(flows_revoked, "flows that lost their right while they were open")                                         \
  X(audited, "packets that an audit rule would have denied")                                                   \
  X(events_lost, "events that found the event ring full or no control plane")

// Why a packet was dropped. Counted at the port that received it (or at "no port" for what the gateway originated).
#define SALLYPORT_DROP_REASONS(X)                                                                             \
  X(truncated, "shorter than its headers say")                                                                \
  X(not_for_us, "Ethernet destination is neither ours, nor broadcast, nor a multicast that we listen to")     \
  X(unknown_ethertype, "neither IPv4, IPv6, ARP nor a VLAN that is configured")                               \
  X(unknown_vlan, "VLAN tag without a port of that VLAN")                                                     \
  X(bad_ip_header, "IP version, header length or total length is wrong")                                      \
  X(bad_checksum, "IP, UDP, ICMP or TCP checksum is wrong")                                                   \
  X(bad_source, "IP source is multicast, broadcast, loopback, unspecified or our own")                        \
  X(too_many_extension_headers, "IPv6 extension header chain is longer than 8 or malformed")                  \
  X(not_our_address, "underlay packet for an address that is not ours")                                       \
  X(no_listener, "own address, but neither a tunnel, nor ICMP echo, nor an admitted host service")            \
  X(unknown_message, "UDP to a tunnel's port that is no WireGuard message: type, reserved bytes or size")     \
  X(bad_mac1, "handshake message with a wrong MAC1")                                                          \
  X(answered_with_cookie, "handshake message without a valid MAC2 while under load: a cookie reply was sent") \
  X(handshake_rate, "handshake message over the rate that its source address may have under load")            \
  X(handshake_queue_full, "handshake message that found the ring to the control plane full")                  \
  X(control_plane_absent, "packet for the control plane while none is connected")                             \
  X(unknown_session, "data message whose receiver index belongs to no session")                               \
  X(session_expired, "data message of a session older than REJECT-AFTER-TIME or past REJECT-AFTER-MESSAGES")  \
  X(replayed, "data message whose counter was seen or is older than the replay window")                       \
  X(authentication_failed, "data message whose tag did not verify")                                           \
  X(bad_inner_packet, "decrypted packet that is neither IPv4 nor IPv6, or lies about its length")             \
  X(foreign_source, "inner source address that does not belong to the peer that sent it")                     \
  X(inside_source_is_peer, "inside packet whose source address belongs to a peer")                            \
  X(reverse_path, "inside packet whose source is routed through another inside port (rpf = \"strict\")")      \
  X(ecn_inconsistent, "outer says congestion experienced, inner is not ECN-capable (RFC 6040)")               \
  X(denied, "the policy does not allow it")                                                                   \
  X(endpoint_draining, "it would begin a flow to an address that its live services let finish alone")         \
  X(rate_limited, "over the rate that the policy's rule gives the identity, and more than may wait for it")   \
  X(out_of_state, "TCP segment or ICMP reply without a flow, SYN against its flow, impossible flags")         \
  X(icmp_unrelated, "ICMP error about a packet of no flow, or from another side than the packet went to")     \
  X(port_zero, "TCP or UDP with port 0")                                                                      \
  X(fragment_refused, "inner fragment whose first one was not seen or was refused, or a dangerous one")       \
  X(flow_quota, "the identity has as many flows as the flow table has left for it")                           \
  X(flow_table_full, "no room in the flow table")                                                             \
  X(no_route, "no route to the inner destination")                                                            \
  X(loop, "route leads back into the tunnel or port that it came from, or into the underlay")                 \
  X(ttl_expired, "TTL or hop limit reached zero")                                                             \
  X(too_big, "larger than the MTU of the tunnel or port, and may not be fragmented")                          \
  X(no_endpoint, "peer without a known endpoint")                                                             \
  X(no_session, "staged for a peer, but no handshake completed in time")                                      \
  X(staging_full, "staged packets of the peer, or of all peers, are at their bound")                          \
  X(no_underlay_route, "no underlay port reaches the peer's endpoint")                                        \
  X(neighbour_unresolved, "next hop did not answer ARP or neighbour solicitation")                            \
  X(neighbour_queue_full, "packets waiting for the next hop's address are at their bound")                    \
  X(bad_neighbour_message, "ARP or neighbour discovery message that breaks its RFC")                          \
  X(icmp_ignored, "ICMP message to our address that needs no answer")                                         \
  X(path_mtu_refused, "ICMP error about the size of a packet that quotes no live session with that endpoint") \
  X(own_address_rate, "own-address traffic over its bound")                                                   \
  X(host_interface_rate, "traffic to the host interface over its bound")                                      \
  X(host_interface_refused, "frame from the kernel that the port's host list does not admit")                 \
  X(reassembly_failed, "outer fragments that overlap, are tiny, too many, too large or never completed")      \
  X(no_buffer, "packet buffers exhausted")                                                                    \
  X(handover_full, "ring to the worker or housekeeping that owns the packet's session or queue is full")      \
  X(transmit_full, "transmit queue of the port is full")                                                      \
  X(port_down, "the port's link is down")                                                                     \
  X(peer_removed, "its peer, session or route was removed while the packet was held")                         \
  X(multicast, "inner or inside multicast and broadcast are not forwarded")                                   \
  X(bad_command, "packet from the control plane whose slot was not valid or whose command was never applied")

enum class Counter : std::uint16_t {
#define SALLYPORT_ENUM(name, text) name,
  SALLYPORT_FLOW_COUNTERS(SALLYPORT_ENUM) SALLYPORT_EVENT_COUNTERS(SALLYPORT_ENUM)
#undef SALLYPORT_ENUM
      first_drop_reason,
};

enum class DropReason : std::uint8_t {
#define SALLYPORT_ENUM(name, text) name,
  SALLYPORT_DROP_REASONS(SALLYPORT_ENUM)
#undef SALLYPORT_ENUM
      count,
};

inline constexpr unsigned drop_reason_count = static_cast<unsigned>(DropReason::count);
inline constexpr unsigned counter_count = static_cast<unsigned>(Counter::first_drop_reason) + drop_reason_count;

constexpr unsigned index_of(Counter counter) noexcept {
  return static_cast<unsigned>(counter);
}
constexpr unsigned index_of(DropReason reason) noexcept {
  return static_cast<unsigned>(Counter::first_drop_reason) + static_cast<unsigned>(reason);
}

enum class CounterKind : std::uint8_t { flow, event, drop };

struct CounterInfo {
  std::string_view name;
  std::string_view text;
  CounterKind kind;
};

// In the order of index_of().
inline constexpr CounterInfo counter_infos[counter_count] = {
#define SALLYPORT_INFO(name, text) {#name, text, CounterKind::flow},
    SALLYPORT_FLOW_COUNTERS(SALLYPORT_INFO)
#undef SALLYPORT_INFO
#define SALLYPORT_INFO(name, text) {#name, text, CounterKind::event},
        SALLYPORT_EVENT_COUNTERS(SALLYPORT_INFO)
#undef SALLYPORT_INFO
#define SALLYPORT_INFO(name, text) {#name, text, CounterKind::drop},
            SALLYPORT_DROP_REASONS(SALLYPORT_INFO)
#undef SALLYPORT_INFO
};

}  // namespace sallyport::abi
