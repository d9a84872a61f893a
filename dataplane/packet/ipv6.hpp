// The IPv6 header and the fragment header, RFC 8200; the multicast addresses that neighbour discovery needs, RFC 4291.
#pragma once

#include "dataplane/packet/ethernet.hpp"
#include "dataplane/packet/ipv4.hpp"

namespace sallyport::dataplane {

struct Ipv6Header {
  Be32 version_class_label{0x60000000};  // version 4 bits, traffic class 8, flow label 20
  Be16 payload_length;
  IpProtocol next_header{};
  std::uint8_t hop_limit = 64;
  Ipv6Bytes source{};
  Ipv6Bytes destination{};

  [[nodiscard]] constexpr std::uint8_t traffic_class() const noexcept {
    return static_cast<std::uint8_t>(version_class_label.host() >> 20);
  }
};
inline constexpr std::size_t ipv6_header_bytes = 40;
static_assert(sizeof(Ipv6Header) == ipv6_header_bytes && WireStruct<Ipv6Header>);

inline constexpr std::size_t ipv6_payload_length_offset = 4;
inline constexpr std::size_t ipv6_hop_limit_offset = 7;
inline constexpr std::size_t ipv6_source_offset = 8;
inline constexpr std::size_t ipv6_destination_offset = 24;

struct Ipv6FragmentHeader {
  IpProtocol next_header{};
  std::uint8_t reserved = 0;
  Be16 offset_and_more;  // offset in bytes with the low three bits clear; bit 0: more fragments
  Be32 identification;
};
static_assert(sizeof(Ipv6FragmentHeader) == 8 && WireStruct<Ipv6FragmentHeader>);

// What a walk to the transport header steps over.
[[nodiscard]] constexpr bool is_extension_header(IpProtocol header) noexcept {
  return header == IpProtocol::hop_by_hop || header == IpProtocol::destination_options ||
         header == IpProtocol::routing || header == IpProtocol::fragment || header == IpProtocol::authentication;
}

// Every extension header has its successor in byte 0 and, but for fragment and authentication headers, its length in
// units of 8 bytes beyond the first 8 in byte 1, `length_byte` (RFC 8200, RFC 4302, RFC 6564).
inline constexpr std::size_t ipv6_least_extension_bytes = 8;
[[nodiscard]] constexpr std::size_t extension_header_bytes(IpProtocol header, std::uint8_t length_byte) noexcept {
  if (header == IpProtocol::fragment) return sizeof(Ipv6FragmentHeader);
  if (header == IpProtocol::authentication) return (length_byte + std::size_t{2}) * 4;
  return (length_byte + std::size_t{1}) * 8;
}

inline constexpr std::uint32_t ipv6_minimum_mtu = 1280;
inline constexpr Ipv6Bytes ipv6_all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// ff02::1:ffXX:XXXX, RFC 4291 section 2.7.1.
[[nodiscard]] constexpr Ipv6Bytes solicited_node_multicast(const Ipv6Bytes& address) noexcept {
  return {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, address[13], address[14], address[15]};
}

// 33:33 and the last four bytes of the group, RFC 2464 section 7.
[[nodiscard]] constexpr MacAddress ipv6_multicast_mac(const Ipv6Bytes& group) noexcept {
  return {{0x33, 0x33, group[12], group[13], group[14], group[15]}};
}

}  // namespace sallyport::dataplane
