// One judgement of an IP packet, for both families: is it one at all, how long is it truly, where is its transport
// header. Everything behind it may rely on the answer and need not look at a length again. The common packet (IPv4
// without options) costs about thirty cycles; options and IPv6 extension headers take the slow path.
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/ipv4.hpp"
#include "dataplane/packet/ipv6.hpp"

namespace sallyport::dataplane {

enum class IpParseError : std::uint8_t {
  none,
  truncated,                   // shorter than the header
  bad_version,                 // neither 4 nor 6
  bad_header_length,           // IHL below 5, or beyond the total length
  bad_total_length,            // the total length is less than the header
  length_exceeds_packet,       // the total length says more than what arrived
  bad_header_checksum,         // IPv4
  bad_source,                  // multicast, broadcast, loopback; unspecified unless allowed
  bad_destination,             // unspecified or loopback
  source_routed,               // IPv4 LSRR or SSRR; IPv6 routing header type 0, or any with segments left (RFC 5095)
  bad_options,                 // an IPv4 option runs beyond the header
  bad_extension_header,        // cut off, or hop-by-hop options not in first place
  too_many_extension_headers,  // more than max_extension_headers
  bad_fragment,                // beyond 65,535 bytes when put together, or a length not divisible by 8 before the last
};
[[nodiscard]] const char* to_string(IpParseError error) noexcept;

inline constexpr unsigned max_extension_headers = 8;

// Judged only as the caller asks:
inline constexpr unsigned parse_default = 0;
inline constexpr unsigned parse_header_checksum_verified = 1;  // the NIC said that the IPv4 header checksum is good
inline constexpr unsigned parse_allow_unspecified_source = 2;  // duplicate address detection, DHCP: own-address traffic

struct ParsedIp {
  std::uint32_t total_bytes = 0;             // header and payload; bytes behind it are padding, not packet
  std::uint16_t header_bytes = 0;            // IPv4: with options; IPv6: 40
  std::uint16_t l4_offset = 0;               // behind every extension header; at most total_bytes
  std::uint16_t fragment_offset_bytes = 0;   // 0 unless a later fragment
  std::uint16_t fragment_header_offset = 0;  // IPv6: where the fragment header lies; 0: there is none
  IpFamily family = IpFamily::none;
  IpProtocol l4_protocol{};    // of a later fragment too, but there l4_offset is only its data
  std::uint8_t ttl = 0;        // or hop limit
  std::uint8_t tos = 0;        // or traffic class
  bool is_fragment = false;    // an IPv6 atomic fragment (RFC 6946) is not one
  bool first_fragment = true;  // has the transport header; true as well for what is no fragment
  bool more_fragments = false;
  bool dont_fragment = false;  // always true for IPv6

  [[nodiscard]] bool is_v4() const noexcept { return family == IpFamily::v4; }
  [[nodiscard]] std::size_t source_offset() const noexcept { return is_v4() ? ipv4_source_offset : ipv6_source_offset; }
  [[nodiscard]] std::size_t destination_offset() const noexcept {
    return is_v4() ? ipv4_destination_offset : ipv6_destination_offset;
  }
  [[nodiscard]] std::size_t l4_bytes() const noexcept { return total_bytes - l4_offset; }
};
static_assert(sizeof(ParsedIp) == 20);

namespace detail {
[[nodiscard]] IpParseError parse_ip_slowly(std::span<const std::uint8_t> packet, ParsedIp& out,
                                           unsigned flags) noexcept;

// 0/8, 127/8, 224/4 and the limited broadcast are no senders (RFC 1122 section 3.2.1.3).
[[nodiscard]] constexpr bool bad_ipv4_source(std::uint32_t source, unsigned flags) noexcept {
  const std::uint32_t first = source >> 24;
  if (first == 0) return source != 0 || (flags & parse_allow_unspecified_source) == 0;
  return first == 127 || (first & 0xf0) == 0xe0 || source == 0xffffffff;
}
[[nodiscard]] constexpr bool bad_ipv4_destination(std::uint32_t destination) noexcept {
  return destination >> 24 == 0 || destination >> 24 == 127;
}

[[nodiscard]] inline IpParseError parse_ipv4(std::span<const std::uint8_t> packet, ParsedIp& out, unsigned flags,
                                             std::size_t header_bytes) noexcept {
  const auto header = load_wire<Ipv4Header>(packet.data());
  const std::size_t total = header.total_length.host();
  if (total < header_bytes) return IpParseError::bad_total_length;
  if (total > packet.size()) return IpParseError::length_exceeds_packet;
  const std::uint32_t source = __builtin_bswap32(std::bit_cast<std::uint32_t>(header.source));
  const std::uint32_t destination = __builtin_bswap32(std::bit_cast<std::uint32_t>(header.destination));
  if (bad_ipv4_source(source, flags)) return IpParseError::bad_source;
  if (bad_ipv4_destination(destination)) return IpParseError::bad_destination;
  const std::uint16_t fragment = header.flags_and_offset.host();
  const std::uint32_t offset = (fragment & ipv4_offset_mask) * 8U;
  const std::size_t payload = total - header_bytes;
  out.total_bytes = static_cast<std::uint32_t>(total);
  out.header_bytes = out.l4_offset = static_cast<std::uint16_t>(header_bytes);
  out.fragment_offset_bytes = static_cast<std::uint16_t>(offset);
  out.fragment_header_offset = 0;
  out.family = IpFamily::v4;
  out.l4_protocol = header.protocol;
  out.ttl = header.ttl;
  out.tos = header.tos;
  out.more_fragments = (fragment & ipv4_more_fragments) != 0;
  out.is_fragment = (fragment & (ipv4_more_fragments | ipv4_offset_mask)) != 0;
  out.first_fragment = offset == 0;
  out.dont_fragment = (fragment & ipv4_dont_fragment) != 0;
  if (out.is_fragment &&
      (offset + payload > 65535 - header_bytes || payload == 0 || (out.more_fragments && payload % 8 != 0)))
    return IpParseError::bad_fragment;
  return IpParseError::none;
}
}  // namespace detail

// `packet` begins at the IP header. `out` is meaningful only after IpParseError::none; flags are the parse_ constants.
[[nodiscard]] inline IpParseError parse_ip(std::span<const std::uint8_t> packet, ParsedIp& out,
                                           unsigned flags = parse_default) noexcept {
  if (packet.size() < ipv4_header_bytes || packet[0] != 0x45) [[unlikely]]
    return detail::parse_ip_slowly(packet, out, flags);
  if ((flags & parse_header_checksum_verified) == 0 && !checksum_holds(ipv4_header_sum(packet.data())))
    return IpParseError::bad_header_checksum;
  return detail::parse_ipv4(packet, out, flags, ipv4_header_bytes);
}

// ICMP, or ICMPv6 in an IPv6 packet.
[[nodiscard]] inline bool is_icmp(const ParsedIp& ip) noexcept {
  return ip.l4_protocol == (ip.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6);
}

// The addresses of a packet that parse_ip accepted, for the slow path.
[[nodiscard]] IpAddress source_address(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept;
[[nodiscard]] IpAddress destination_address(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept;

// Sum of the pseudo header of a packet that parse_ip accepted, over its transport header and payload.
[[nodiscard]] ChecksumSum pseudo_header_sum(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept;

// True when the TCP, UDP, ICMP or ICMPv6 checksum of an unfragmented packet holds. A UDP checksum of zero is accepted
// over IPv4 and refused over IPv6. Other protocols have none that we know: true.
[[nodiscard]] bool l4_checksum_holds(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept;

}  // namespace sallyport::dataplane
