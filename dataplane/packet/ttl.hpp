// The hop that a router takes from a packet: RFC 791/1812 section 5.3.1, RFC 8200 section 3.
#pragma once

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

// False if the packet may go no further (time exceeded); it is unchanged then, so that the ICMP error quotes it as it
// came. Otherwise TTL and header checksum, or hop limit, are one less, in `ip` too.
[[nodiscard]] inline bool decrement_ttl(std::uint8_t* packet, ParsedIp& ip) noexcept {
  if (ip.ttl <= 1) return false;
  --ip.ttl;
  if (ip.is_v4()) {
    const auto before = load_wire<Be16>(packet + ipv4_ttl_offset);
    packet[ipv4_ttl_offset] = ip.ttl;
    const auto checksum = load_wire<Be16>(packet + ipv4_checksum_offset);
    store_wire(packet + ipv4_checksum_offset,
               update_checksum(checksum, before, load_wire<Be16>(packet + ipv4_ttl_offset)));
  } else {
    packet[ipv6_hop_limit_offset] = ip.ttl;
  }
  return true;
}

}  // namespace sallyport::dataplane
