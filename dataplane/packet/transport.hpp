// What the transport headers that we look at have in common: ports in the same place, and a least length.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/packet/byte_order.hpp"
#include "dataplane/packet/ipv4.hpp"

namespace sallyport::dataplane {

// Source and destination, in the first four bytes: RFC 9293, RFC 768, RFC 9260. In host order.
struct TransportPorts {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;

  friend bool operator==(const TransportPorts&, const TransportPorts&) noexcept = default;
};

[[nodiscard]] constexpr bool has_ports(IpProtocol protocol) noexcept {
  return protocol == IpProtocol::tcp || protocol == IpProtocol::udp || protocol == IpProtocol::sctp;
}

// Of a protocol that has ports.
[[nodiscard]] inline TransportPorts load_ports(const std::uint8_t* four_bytes) noexcept {
  return {load_wire<Be16>(four_bytes).host(), load_wire<Be16>(four_bytes + 2).host()};
}

// A packet or a first fragment with less cannot be judged. Zero for protocols that we do not look into.
[[nodiscard]] constexpr std::size_t least_transport_bytes(IpProtocol protocol) noexcept {
  switch (protocol) {
    case IpProtocol::tcp:
      return 20;
    case IpProtocol::sctp:
      return 12;
    case IpProtocol::udp:
    case IpProtocol::icmp:
    case IpProtocol::icmpv6:
      return 8;
    default:
      return 0;
  }
}

}  // namespace sallyport::dataplane
