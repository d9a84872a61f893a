// Explicit congestion notification through a tunnel: RFC 6040. decisions/outer-tos.md says why DSCP stays inside.
#pragma once

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

enum class Ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

[[nodiscard]] constexpr Ecn ecn_of(std::uint8_t tos) noexcept {
  return static_cast<Ecn>(tos & 3);
}

// RFC 6040 section 4.1, normal mode: the outer field is a copy of the inner one. DSCP 0.
[[nodiscard]] constexpr std::uint8_t outer_tos_for_data(std::uint8_t inner_tos) noexcept {
  return inner_tos & 3;
}

// Handshakes, cookies, keepalives without a packet inside: AF41, Not-ECT, as WireGuard in Linux marks handshakes.
inline constexpr std::uint8_t outer_tos_for_handshake = 0x88;

struct EcnDecapsulation {
  bool drop = false;  // CE outside of a packet whose ends do not know ECN
  Ecn inner = Ecn::not_ect;
};

// RFC 6040 section 4.2, figure 4.
[[nodiscard]] constexpr EcnDecapsulation ecn_decapsulate(Ecn inner, Ecn outer) noexcept {
  if (inner == Ecn::not_ect) return {.drop = outer == Ecn::ce, .inner = Ecn::not_ect};
  if (inner == Ecn::ce || outer == Ecn::ce) return {.inner = Ecn::ce};
  if (outer == Ecn::ect1) return {.inner = Ecn::ect1};
  return {.inner = inner};
}

// Sets the type of service or traffic class of a packet that parse_ip accepted, header checksum included, and in `ip`.
inline void set_tos(std::uint8_t* packet, ParsedIp& ip, std::uint8_t tos) noexcept {
  ip.tos = tos;
  if (ip.is_v4()) {
    const auto before = load_wire<Be16>(packet);
    packet[ipv4_tos_offset] = tos;
    const auto checksum = load_wire<Be16>(packet + ipv4_checksum_offset);
    store_wire(packet + ipv4_checksum_offset, update_checksum(checksum, before, load_wire<Be16>(packet)));
  } else {
    packet[0] = static_cast<std::uint8_t>(0x60 | tos >> 4);
    packet[1] = static_cast<std::uint8_t>((packet[1] & 0x0f) | (tos & 0x0f) << 4);
  }
}

// Carries the congestion mark of the outer header into the inner packet. False: drop it. Most packets are not touched.
[[nodiscard]] inline bool apply_ecn_decapsulation(std::uint8_t* packet, ParsedIp& ip, std::uint8_t outer_tos) noexcept {
  const Ecn inner = ecn_of(ip.tos);
  const EcnDecapsulation result = ecn_decapsulate(inner, ecn_of(outer_tos));
  if (result.drop) return false;
  if (result.inner != inner)
    set_tos(packet, ip, static_cast<std::uint8_t>((ip.tos & 0xfc) | static_cast<std::uint8_t>(result.inner)));
  return true;
}

}  // namespace sallyport::dataplane
