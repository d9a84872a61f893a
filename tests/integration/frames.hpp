// Frames as they lie on the wires of the lab, built and taken apart byte by byte, with checksums of their own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "config/base/ip.hpp"
#include "tests/integration/wire.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::integration {

using dataplane::test::get16;
using dataplane::test::ip;
using dataplane::test::put16;
using dataplane::test::slow_l4_checksum;
using dataplane::test::with_l4_checksum;

using Mac = std::array<std::uint8_t, 6>;
inline constexpr Mac broadcast_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
inline constexpr unsigned type_ipv4 = 0x0800, type_arp = 0x0806, type_vlan = 0x8100, type_ipv6 = 0x86dd;

[[nodiscard]] Bytes ethernet(const Mac& destination, const Mac& source, unsigned type, const Bytes& payload);
[[nodiscard]] Bytes with_vlan(const Bytes& frame, unsigned vlan);
// The tag taken off; 0: there was none.
[[nodiscard]] unsigned take_vlan(Bytes& frame);
[[nodiscard]] unsigned type_of(const Bytes& frame);
[[nodiscard]] Mac destination_of(const Bytes& frame);
[[nodiscard]] Mac source_of(const Bytes& frame);
// Behind the Ethernet header.
[[nodiscard]] Bytes payload_of(const Bytes& frame);

// --- IP packets, from whichever family the addresses have ---
struct IpFields {
  unsigned ttl = 64;
  unsigned tos = 0;
  bool dont_fragment = false;
};
[[nodiscard]] Bytes udp_packet(const IpEndpoint& from, const IpEndpoint& to, const Bytes& data, IpFields fields = {});
[[nodiscard]] Bytes udp_packet(const IpAddress& from, const IpAddress& to, std::size_t data_bytes,
                               IpFields fields = {});
[[nodiscard]] Bytes echo_request(const IpAddress& from, const IpAddress& to, std::size_t data_bytes = 32,
                                 IpFields fields = {});
// With an MSS option.
[[nodiscard]] Bytes tcp_syn(const IpAddress& from, const IpAddress& to, unsigned mss);

// A segment without data. Flags as in the header.
inline constexpr unsigned syn = 2, ack = 16, syn_ack = 18, fin_ack = 17, rst = 4;
[[nodiscard]] Bytes tcp_segment(const IpEndpoint& from, const IpEndpoint& to, unsigned flags,
                                std::uint32_t sequence = 1000, std::uint32_t acknowledgement = 0);
// Any transport: `l4` as it is.
[[nodiscard]] Bytes ip_packet_of(const IpAddress& from, const IpAddress& to, unsigned protocol, const Bytes& l4);

[[nodiscard]] bool is_v4(const Bytes& packet);
[[nodiscard]] IpAddress source_address(const Bytes& packet);
[[nodiscard]] IpAddress destination_address(const Bytes& packet);
[[nodiscard]] unsigned ttl_of(const Bytes& packet);
[[nodiscard]] unsigned tos_of(const Bytes& packet);
// Length, IPv4 header checksum and transport checksum (a zero UDP checksum is right over IPv4).
[[nodiscard]] bool is_sound(const Bytes& packet);

struct Datagram {
  IpEndpoint from;
  IpEndpoint to;
  unsigned tos;
  unsigned udp_checksum;
  Bytes payload;
};
[[nodiscard]] std::optional<Datagram> datagram_of(const Bytes& ip_packet);

// An ICMP or ICMPv6 message: type, code, the second half of its first word (an MTU), and what it quotes.
struct Icmp {
  unsigned type;
  unsigned code;
  std::uint32_t rest;
  Bytes body;
};
[[nodiscard]] std::optional<Icmp> icmp_of(const Bytes& ip_packet);

// --- ARP and neighbour discovery ---
[[nodiscard]] Bytes arp_frame(unsigned operation, const Mac& sender_mac, const IpAddress& sender, const Mac& target_mac,
                              const IpAddress& target, const Mac& to);
[[nodiscard]] Bytes solicitation_frame(const Mac& sender_mac, const IpAddress& sender, const IpAddress& target);
[[nodiscard]] Bytes advertisement_frame(const Mac& sender_mac, const IpAddress& sender, const IpAddress& to,
                                        const Mac& to_mac);
// What an ARP request or a solicitation asks for.
[[nodiscard]] std::optional<IpAddress> asked_for(const Bytes& frame);
// ARP, or a solicitation or advertisement.
[[nodiscard]] bool is_neighbour_message(const Bytes& frame);

// An IPv4 or IPv6 packet cut into fragments of at most `piece_bytes` of payload.
[[nodiscard]] std::vector<Bytes> fragments_of(const Bytes& packet, std::size_t piece_bytes,
                                              unsigned identification = 77);

}  // namespace sallyport::integration
