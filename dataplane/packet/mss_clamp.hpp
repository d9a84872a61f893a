// Keeps TCP from sending segments that do not fit the tunnel: the MSS option of a SYN or SYN-ACK is lowered on its way
// through (RFC 9293 section 3.7.1, RFC 4459 section 3.2). It is never raised, and never added.
#pragma once

#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

// What fits into packets of `mtu` bytes without options: mtu - 40 or mtu - 60; 0 if nothing does.
[[nodiscard]] constexpr std::uint16_t mss_for_mtu(std::uint32_t mtu, IpFamily family) noexcept {
  const std::uint32_t headers = family == IpFamily::v4 ? 40 : 60;
  const std::uint32_t mss = mtu > headers ? mtu - headers : 0;
  return static_cast<std::uint16_t>(mss > 0xffff ? 0xffff : mss);
}

// Cheap to call for every packet: what is not TCP returns at once. Malformed headers and options stay as they are.
// Returns true if the packet was changed (its TCP checksum is right again by RFC 1624).
[[nodiscard]] bool clamp_mss_of_tcp(std::span<std::uint8_t> packet, const ParsedIp& ip, std::uint16_t max_mss) noexcept;

inline bool clamp_mss(std::span<std::uint8_t> packet, const ParsedIp& ip, std::uint16_t max_mss) noexcept {
  if (ip.l4_protocol != IpProtocol::tcp || !ip.first_fragment) return false;
  return clamp_mss_of_tcp(packet, ip, max_mss);
}

}  // namespace sallyport::dataplane
