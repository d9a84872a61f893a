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
