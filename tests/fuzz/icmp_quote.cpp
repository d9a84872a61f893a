// Any packet: what its ICMP quote, its fragment and its reset say lies within it, whatever is cut off or lies.
#include "dataplane/packet/icmp_quote.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "config/base/check.hpp"
#include "dataplane/packet/fragment.hpp"
#include "dataplane/packet/icmp_error.hpp"
#include "dataplane/packet/tcp.hpp"
#include "dataplane/packet/tcp_reset.hpp"

using namespace sallyport;
using namespace sallyport::dataplane;

namespace {

void check_quote(const std::vector<std::uint8_t>& packet, const ParsedIp& ip) {
  const auto key = icmp_query_key(packet, ip);
  const auto quote = parse_icmp_quote(packet, ip);
  if (!quote) return;
  SP_CHECK(key && key->kind == IcmpClass::error && !key->may_open());
  SP_CHECK(quote->source == destination_address(packet, ip) && quote->destination.family == ip.family);
  SP_CHECK(quote->source.valid() && quote->destination.valid());
  if (!has_ports(quote->protocol) && quote->protocol != IpProtocol::icmp && quote->protocol != IpProtocol::icmpv6)
    SP_CHECK(quote->ports == TransportPorts{});
}

// An error of our own about the packet is understood, and names the packet's own ports.
void check_round_trip(const std::vector<std::uint8_t>& packet, const ParsedIp& ip) {
  const IpAddress us = ip.is_v4() ? IpAddress::v4(192, 0, 2, 1) : *IpAddress::parse("2001:db8::1");
  std::vector<std::uint8_t> error(1280);
  error.resize(build_icmp_error(error, packet, ip, IcmpErrorKind::host_unreachable, 0, us));
  if (error.empty() || !has_ports(ip.l4_protocol) || ip.l4_bytes() < 8 || ip.l4_offset > 500) return;
  ParsedIp outer;
  SP_CHECK(parse_ip(error, outer) == IpParseError::none);
  const auto quote = parse_icmp_quote(error, outer);
  SP_CHECK(quote && quote->protocol == ip.l4_protocol && quote->ports == load_ports(packet.data() + ip.l4_offset));
  SP_CHECK(quote->source == source_address(packet, ip) && quote->destination == destination_address(packet, ip));
}

void check_reset(const std::vector<std::uint8_t>& packet, const ParsedIp& ip, std::size_t room) {
  std::vector<std::uint8_t> reset(room);
  reset.resize(build_tcp_reset(reset, packet, ip));
  if (reset.empty()) return;
  ParsedIp answer;
  SP_CHECK(parse_ip(reset, answer) == IpParseError::none);
  SP_CHECK(answer.total_bytes == reset.size() && answer.ttl == 64 && l4_checksum_holds(reset, answer));
  SP_CHECK(answer.l4_protocol == IpProtocol::tcp && answer.l4_bytes() == tcp_header_bytes);
  SP_CHECK(source_address(reset, answer) == destination_address(packet, ip));
  SP_CHECK(destination_address(reset, answer) == source_address(packet, ip));
  const TransportPorts there = load_ports(packet.data() + ip.l4_offset);
  SP_CHECK(load_ports(reset.data() + answer.l4_offset) == (TransportPorts{there.destination, there.source}));
  std::vector<std::uint8_t> again(max_tcp_reset_bytes);
  SP_CHECK(build_tcp_reset(again, reset, answer) == 0);
}

}  // namespace

// First byte: the room for a reset. Then an IP packet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::vector<std::uint8_t> packet(data + 1, data + size);
  ParsedIp ip;
  if (parse_ip(packet, ip, parse_allow_unspecified_source) != IpParseError::none) return 0;
  check_quote(packet, ip);
  check_round_trip(packet, ip);
  check_reset(packet, ip, data[0]);
  if (judge_fragment(ip) == FragmentJudgement::harmless && ip.first_fragment && ip.is_fragment)
    SP_CHECK(ip.l4_bytes() >= least_transport_bytes(ip.l4_protocol));
  if (ip.is_fragment) SP_CHECK(fragment_payload_bytes(ip) <= packet.size());
  (void)fragment_identification(packet, ip);
  return 0;
}
