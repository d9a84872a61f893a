// Any frame, through everything that reads or changes a packet on its way. What held before a change must hold after
// it: lengths stay within what arrived, a good checksum stays good.
#include <cstdint>
#include <vector>

#include "config/base/check.hpp"
#include "dataplane/packet/ecn.hpp"
#include "dataplane/packet/icmp_echo.hpp"
#include "dataplane/packet/ip_parse.hpp"
#include "dataplane/packet/mss_clamp.hpp"
#include "dataplane/packet/ttl.hpp"
#include "dataplane/packet/udp.hpp"
#include "dataplane/packet/wireguard.hpp"

using namespace sallyport;
using namespace sallyport::dataplane;

namespace {

void check_parsed(const std::vector<std::uint8_t>& packet, const ParsedIp& ip) {
  SP_CHECK(ip.total_bytes <= packet.size());
  SP_CHECK(ip.header_bytes >= 20 && ip.header_bytes <= ip.l4_offset && ip.l4_offset <= ip.total_bytes);
  SP_CHECK(ip.is_fragment || (ip.first_fragment && !ip.more_fragments && ip.fragment_offset_bytes == 0));
  SP_CHECK(source_address(packet, ip).valid() && destination_address(packet, ip).valid());
}

// A packet after a change: it still parses, and says what `expected` says.
void check_again(const std::vector<std::uint8_t>& packet, const ParsedIp& expected, bool l4_held) {
  ParsedIp again;
  SP_CHECK(parse_ip(packet, again) == IpParseError::none);
  SP_CHECK(again.ttl == expected.ttl && again.tos == expected.tos && again.total_bytes == expected.total_bytes);
  if (!again.is_fragment && l4_held) SP_CHECK(l4_checksum_holds(packet, again));
}

void take_packet(std::vector<std::uint8_t> packet, std::uint8_t choice) {
  ParsedIp ip;
  static_cast<void>(parse_ip(packet, ip, choice & 3));
  if (parse_ip(packet, ip) != IpParseError::none) return;
  check_parsed(packet, ip);
  const bool l4_held = l4_checksum_holds(packet, ip);

  UdpHeader udp;
  std::span<const std::uint8_t> payload;
  if (udp_payload(std::span(packet).subspan(ip.l4_offset, ip.l4_bytes()), udp, payload))
    static_cast<void>(classify_wireguard(payload));

  auto echo = packet;
  ParsedIp echo_ip = ip;
  if (make_echo_reply(echo, echo_ip) == EchoResult::replied) check_again(echo, echo_ip, true);

  if (apply_ecn_decapsulation(packet.data(), ip, choice)) check_again(packet, ip, l4_held);
  if (decrement_ttl(packet.data(), ip)) check_again(packet, ip, l4_held);
  if (clamp_mss(packet, ip, static_cast<std::uint16_t>(choice * 16))) check_again(packet, ip, l4_held);
}

}  // namespace

// First byte: choices. Then a frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<std::uint8_t> frame(data + 1, data + size);
  ParsedFrame parsed;
  if (parse_frame(frame, parsed) == FrameError::none) {
    SP_CHECK(parsed.l3_offset <= frame.size() && parsed.vlan_id < 4096);
    take_packet({frame.begin() + parsed.l3_offset, frame.end()}, data[0]);
  }
  take_packet(frame, data[0]);  // and as the inside of a tunnel
  static_cast<void>(classify_wireguard(frame));
  return 0;
}
