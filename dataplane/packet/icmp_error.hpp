// The errors that a router owes to a sender: RFC 792, RFC 1191, RFC 1812 section 4.3 and RFC 4443. One call decides
// whether an error may be sent at all and writes the whole IP packet. Rates are the caller's business, and so is not to
// call for what arrived as a link-layer group frame (RFC 1122 section 3.2.2).
#pragma once

#include "config/base/ip.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

enum class IcmpErrorKind : std::uint8_t {
  time_exceeded,
  no_route,          // IPv4: network unreachable
  host_unreachable,  // IPv6: address unreachable
  port_unreachable,
  administratively_prohibited,
  packet_too_big,  // IPv4: fragmentation needed
};

// An error quotes as much as fits: RFC 1812 section 4.3.2.3 (576 bytes in all), RFC 4443 section 2.4 (c) (1,280).
inline constexpr std::size_t max_icmpv4_error_bytes = 576;
inline constexpr std::size_t max_icmpv6_error_bytes = 1280;

// `offending` is the packet as it arrived, accepted by parse_ip as `ip`. `mtu` counts for packet_too_big alone.
// `reply_source` is an address of ours of the same family. Writes an IP packet with TTL 64 and right checksums into
// `out` (1,280 bytes always suffice) and returns its length; 0 if the rules forbid it: about an ICMP error or an
// unknown ICMP message, a later fragment, to or about a group or broadcast address, or without a sender.
[[nodiscard]] std::size_t build_icmp_error(std::span<std::uint8_t> out, std::span<const std::uint8_t> offending,
                                           const ParsedIp& ip, IcmpErrorKind kind, std::uint32_t mtu,
                                           const IpAddress& reply_source) noexcept;

}  // namespace sallyport::dataplane
