// The IPv4 header, RFC 791, and the protocol numbers that both families share.
#pragma once

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/reader.hpp"

namespace sallyport::dataplane {

enum class IpProtocol : std::uint8_t {
  hop_by_hop = 0,
  icmp = 1,
  tcp = 6,
  udp = 17,
  routing = 43,
  fragment = 44,
  esp = 50,
  authentication = 51,
  icmpv6 = 58,
  no_next_header = 59,
  destination_options = 60,
  sctp = 132,
};

struct Ipv4Header {
  std::uint8_t version_and_length = 0x45;  // version 4; header length in 4-byte words
  std::uint8_t tos = 0;                    // DSCP 6, ECN 2
  Be16 total_length;
  Be16 identification;
  Be16 flags_and_offset;
  std::uint8_t ttl = 64;
  IpProtocol protocol{};
  Be16 checksum;
  Ipv4Bytes source{};
  Ipv4Bytes destination{};
};
inline constexpr std::size_t ipv4_header_bytes = 20;
static_assert(sizeof(Ipv4Header) == ipv4_header_bytes && WireStruct<Ipv4Header>);

inline constexpr std::uint16_t ipv4_dont_fragment = 0x4000;
inline constexpr std::uint16_t ipv4_more_fragments = 0x2000;
inline constexpr std::uint16_t ipv4_offset_mask = 0x1fff;  // in units of 8 bytes

// Where the fields lie, for code that changes one of them in place.
inline constexpr std::size_t ipv4_tos_offset = 1;
inline constexpr std::size_t ipv4_ttl_offset = 8;
inline constexpr std::size_t ipv4_checksum_offset = 10;
inline constexpr std::size_t ipv4_source_offset = 12;
inline constexpr std::size_t ipv4_destination_offset = 16;

}  // namespace sallyport::dataplane
