// ICMP and ICMPv6 as a stateful filter sees them: requests open flows, replies belong to them, errors belong to the
// flow that they quote (icmp_quote), and everything else belongs to nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/ip_parse.hpp"
#include "dataplane/packet/transport.hpp"

namespace sallyport::dataplane {

enum class IcmpClass : std::uint8_t {
  request,  // echo, and the timestamp of IPv4: may open a flow
  reply,    // never does
  error,    // RFC 792, RFC 4443: destination unreachable, packet too big, time exceeded, parameter problem
  other,    // neighbour discovery, redirects (for neighbours alone), source quench (RFC 6633), what nobody knows
};
// Of a family's own ICMP.
[[nodiscard]] IcmpClass classify_icmp(IpFamily family, std::uint8_t type) noexcept;

// What stands for ports. Echo: the identifier in both places. Timestamp: a request has the identifier as its source and
// 13 << 8 (type and code of the request) as its destination, a reply the reverse, so that it is the request's way back.
// Errors and others: source 0, destination type << 8 | code; good for a record alone.
struct IcmpQueryKey {
  TransportPorts ports;
  IcmpClass kind = IcmpClass::other;

  [[nodiscard]] bool may_open() const noexcept { return kind == IcmpClass::request; }
};

// Of an ICMP packet that parse_ip accepted. Nothing: a later fragment, shorter than 8 bytes, or the ICMP of the other
// family.
[[nodiscard]] std::optional<IcmpQueryKey> icmp_query_key(std::span<const std::uint8_t> packet,
                                                         const ParsedIp& ip) noexcept;

namespace detail {
// `message` begins at the ICMP header and has at least 8 bytes.
[[nodiscard]] IcmpQueryKey icmp_query_key(IpFamily family, std::span<const std::uint8_t> message) noexcept;
}  // namespace detail

}  // namespace sallyport::dataplane
