#include "dataplane/packet/icmp_echo.hpp"

#include <algorithm>

#include "dataplane/packet/ecn.hpp"
#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/icmp6.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::uint8_t reply_ttl = 64;

bool is_echo_request(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  if (!ip.first_fragment || ip.l4_bytes() < icmp_header_bytes) return false;
  const std::uint8_t type = packet[ip.l4_offset];
  const std::uint8_t code = packet[ip.l4_offset + 1];
  if (code != 0) return false;
  return ip.is_v4()
             ? ip.l4_protocol == IpProtocol::icmp && type == static_cast<std::uint8_t>(IcmpType::echo_request)
             : ip.l4_protocol == IpProtocol::icmpv6 && type == static_cast<std::uint8_t>(Icmp6Type::echo_request);
}

}  // namespace

EchoResult make_echo_reply(std::span<std::uint8_t> packet, ParsedIp& ip) noexcept {
  if (!is_echo_request(packet, ip)) return EchoResult::not_echo_request;
  const std::size_t plain_header = ip.is_v4() ? ipv4_header_bytes : ipv6_header_bytes;
  const IpAddress source = source_address(packet, ip);
  const IpAddress destination = destination_address(packet, ip);
  if (ip.is_fragment || ip.l4_offset != plain_header || source.is_unspecified() || source.is_multicast() ||
      destination.is_multicast())
    return EchoResult::refused;
  if (!l4_checksum_holds(packet, ip)) return EchoResult::bad_checksum;

  const auto type_word = load_wire<Be16>(packet.data() + ip.l4_offset);
  packet[ip.l4_offset] =
      ip.is_v4() ? static_cast<std::uint8_t>(IcmpType::echo_reply) : static_cast<std::uint8_t>(Icmp6Type::echo_reply);
  const auto checksum = load_wire<Be16>(packet.data() + ip.l4_offset + 2);
  store_wire(packet.data() + ip.l4_offset + 2,
             update_checksum(checksum, type_word, load_wire<Be16>(packet.data() + ip.l4_offset)));

  const std::size_t address_bytes = ip.is_v4() ? 4 : 16;
  const auto first = packet.begin() + static_cast<std::ptrdiff_t>(ip.source_offset());
  std::swap_ranges(first, first + static_cast<std::ptrdiff_t>(address_bytes),
                   first + static_cast<std::ptrdiff_t>(address_bytes));
  set_tos(packet.data(), ip, ip.tos & 0xfc);
  ip.ttl = reply_ttl;
  if (ip.is_v4()) {
    packet[ipv4_ttl_offset] = reply_ttl;
    store_wire(packet.data() + ipv4_checksum_offset, Be16{0});
    store_wire(packet.data() + ipv4_checksum_offset, finish_checksum(ipv4_header_sum(packet.data())));
  } else {
    packet[ipv6_hop_limit_offset] = reply_ttl;
  }
  return EchoResult::replied;
}

}  // namespace sallyport::dataplane
