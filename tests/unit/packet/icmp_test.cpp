#include <gtest/gtest.h>

#include "dataplane/packet/icmp_echo.hpp"
#include "dataplane/packet/icmp_error.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::icmp_test {
namespace {

using namespace test;
using Kind = IcmpErrorKind;

const IpAddress our_v4 = ip("10.0.0.1");
const IpAddress our_v6 = ip("fd00::1");

Bytes error_about(const Bytes& offending, Kind kind = Kind::time_exceeded, std::uint32_t mtu = 0) {
  const ParsedIp parsed_ip = parsed(offending, parse_allow_unspecified_source);
  Bytes out(1280, 0xee);
  out.resize(build_icmp_error(out, offending, parsed_ip, kind, mtu, parsed_ip.is_v4() ? our_v4 : our_v6));
  return out;
}

TEST(IcmpError, QuotesTheOffenderToItsSender) {
  const Bytes offending = v4({.ttl = 1}, udp(1000, 2000, Bytes(100, 7)));
  const Bytes error = error_about(offending + Bytes(20));
  const ParsedIp out = parsed(error);
  EXPECT_EQ(source_address(error, out), our_v4);
  EXPECT_EQ(destination_address(error, out), ip("10.8.0.2"));
  EXPECT_EQ(out.ttl, 64);
  EXPECT_EQ(out.total_bytes, error.size());
  EXPECT_EQ(error[20], 11);
  EXPECT_EQ(slow_l4_checksum(error), 0);
  EXPECT_EQ((Bytes{error.begin() + 28, error.end()}), offending);  // without the link's padding

  const Bytes offending6 = v6({.hop_limit = 1}, udp(1000, 2000, Bytes(101, 7)));
  const Bytes error6 = error_about(offending6);
  const ParsedIp out6 = parsed(error6);
  EXPECT_EQ(source_address(error6, out6), our_v6);
  EXPECT_EQ(destination_address(error6, out6), ip("fd08::2"));
  EXPECT_EQ(error6[40], 3);
  EXPECT_EQ(slow_l4_checksum(error6), 0);
  EXPECT_EQ((Bytes{error6.begin() + 48, error6.end()}), offending6);
}

TEST(IcmpError, HasTheTypeAndCodeOfItsKind) {
  struct Row {
    Kind kind;
    unsigned v4_type, v4_code, v6_type, v6_code;
  };
  for (const Row& row : {Row{Kind::time_exceeded, 11, 0, 3, 0}, Row{Kind::no_route, 3, 0, 1, 0},
                         Row{Kind::host_unreachable, 3, 1, 1, 3}, Row{Kind::port_unreachable, 3, 3, 1, 4},
                         Row{Kind::administratively_prohibited, 3, 13, 1, 1}, Row{Kind::packet_too_big, 3, 4, 2, 0}}) {
    const Bytes error = error_about(v4({}, udp(1, 2, {})), row.kind, 1420);
    EXPECT_EQ(error[20], row.v4_type);
    EXPECT_EQ(error[21], row.v4_code);
    EXPECT_EQ(get16(error, 24), 0U);
    EXPECT_EQ(get16(error, 26), row.kind == Kind::packet_too_big ? 1420U : 0U);
    const Bytes error6 = error_about(v6({}, udp(1, 2, {})), row.kind, 1420);
    EXPECT_EQ(error6[40], row.v6_type);
    EXPECT_EQ(error6[41], row.v6_code);
    EXPECT_EQ(get16(error6, 44), 0U);
    EXPECT_EQ(get16(error6, 46), row.kind == Kind::packet_too_big ? 1420U : 0U);
  }
}

TEST(IcmpError, NeverTellsAnIpv6HostLessThanTheMinimum) {
  EXPECT_EQ(get16(error_about(v6({}, udp(1, 2, {})), Kind::packet_too_big, 600), 46), 1280U);
}

TEST(IcmpError, StaysWithinItsBounds) {
  EXPECT_EQ(error_about(v4({}, udp(1, 2, Bytes(1400)))).size(), 576U);
  EXPECT_EQ(error_about(v6({}, udp(1, 2, Bytes(1400)))).size(), 1280U);
  const Bytes offending = v4({}, udp(1, 2, Bytes(100)));
  Bytes small(20 + 8 + offending.size() - 1);
  EXPECT_EQ(build_icmp_error(small, offending, parsed(offending), Kind::no_route, 0, our_v4), 0U);
}

TEST(IcmpError, NeverAnswersAnError) {
  for (const unsigned type : {3U, 4U, 5U, 11U, 12U, 42U})
    EXPECT_TRUE(error_about(v4({.protocol = 1}, Bytes{static_cast<std::uint8_t>(type), 0, 0, 0})).empty()) << type;
  for (const unsigned type : {0U, 8U, 13U, 14U})
    EXPECT_FALSE(error_about(v4({.protocol = 1}, Bytes{static_cast<std::uint8_t>(type), 0, 0, 0})).empty()) << type;
  for (const unsigned type : {1U, 2U, 3U, 4U, 100U, 127U, 137U})
    EXPECT_TRUE(error_about(v6({.next_header = 58}, Bytes{static_cast<std::uint8_t>(type), 0, 0, 0})).empty()) << type;
  for (const unsigned type : {128U, 129U})
    EXPECT_FALSE(error_about(v6({.next_header = 58}, Bytes{static_cast<std::uint8_t>(type), 0, 0, 0})).empty()) << type;
  // An error that hides behind an extension header, one that is cut off, one of the other family.
  EXPECT_TRUE(error_about(v6({.next_header = 60}, Bytes{58, 0, 1, 4, 0, 0, 0, 0, 1, 0})).empty());
  EXPECT_TRUE(error_about(v4({.protocol = 1}, {})).empty());
  EXPECT_TRUE(error_about(v4({.protocol = 58}, Bytes{128, 0})).empty());
}

TEST(IcmpError, NeverAnswersGroupsFragmentsOrNobody) {
  for (const char* destination : {"224.0.0.5", "255.255.255.255", "240.1.1.1"})
    EXPECT_TRUE(error_about(v4({.destination = destination}, udp(1, 2, {}))).empty()) << destination;
  EXPECT_TRUE(error_about(v6({.destination = "ff02::1"}, udp(1, 2, {}))).empty());
  EXPECT_TRUE(error_about(v4({.source = "0.0.0.0"}, udp(1, 2, {}))).empty());
  EXPECT_TRUE(error_about(v4({.source = "240.0.0.1"}, udp(1, 2, {}))).empty());
  EXPECT_TRUE(error_about(v4({.source = "10.0.0.1"}, udp(1, 2, {}))).empty());  // ourselves
  EXPECT_TRUE(error_about(v6({.source = "::"}, udp(1, 2, {}))).empty());
  EXPECT_TRUE(error_about(v4({.fragment = 8}, Bytes(8))).empty());
  EXPECT_FALSE(error_about(v4({.fragment = 0x2000}, udp(1, 2, {}))).empty());
  const Bytes offending = v4({}, udp(1, 2, {}));
  Bytes out(1280);
  EXPECT_EQ(build_icmp_error(out, offending, parsed(offending), Kind::no_route, 0, our_v6), 0U);
}

TEST(Echo, AnswersARequestInPlace) {
  const Bytes request =
      with_l4_checksum(v4({.protocol = 1, .ttl = 5, .tos = 0xb9}, Bytes{8, 0, 0, 0, 1, 2, 3, 4, 5}), 2);
  Bytes packet = request + Bytes(5, 0xaa);
  ParsedIp out = parsed(packet);
  ASSERT_EQ(make_echo_reply(packet, out), EchoResult::replied);
  const ParsedIp again = parsed(packet);
  EXPECT_EQ(source_address(packet, again), ip("10.0.0.7"));
  EXPECT_EQ(destination_address(packet, again), ip("10.8.0.2"));
  EXPECT_EQ(again.ttl, 64);
  EXPECT_EQ(again.tos, 0xb8);
  EXPECT_EQ(packet[20], 0);
  EXPECT_EQ(slow_l4_checksum(packet), 0);
  EXPECT_EQ((Bytes{packet.begin() + 24, packet.end()}), (Bytes{1, 2, 3, 4, 5, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}));

  Bytes packet6 = with_l4_checksum(v6({.next_header = 58, .traffic_class = 3}, Bytes{128, 0, 0, 0, 1, 2, 3, 4, 5}), 2);
  ParsedIp out6 = parsed(packet6);
  ASSERT_EQ(make_echo_reply(packet6, out6), EchoResult::replied);
  EXPECT_EQ(source_address(packet6, parsed(packet6)), ip("fd00::7"));
  EXPECT_EQ(parsed(packet6).tos, 0);
  EXPECT_EQ(packet6[40], 129);
  EXPECT_EQ(slow_l4_checksum(packet6), 0);
}

TEST(Echo, LeavesEverythingElseUntouched) {
  const auto result = [](Bytes packet) {
    const Bytes before = packet;
    ParsedIp out = parsed(packet, parse_allow_unspecified_source);
    const EchoResult echo = make_echo_reply(packet, out);
    EXPECT_EQ(packet, before);
    return echo;
  };
  const Bytes request{8, 0, 0, 0, 1, 2, 3, 4}, request6{128, 0, 0, 0, 1, 2, 3, 4};
  EXPECT_EQ(result(v4({}, udp(1, 2, {}))), EchoResult::not_echo_request);
  EXPECT_EQ(result(with_l4_checksum(v4({.protocol = 1}, Bytes{0, 0, 0, 0, 1, 2, 3, 4}), 2)),
            EchoResult::not_echo_request);
  EXPECT_EQ(result(v4({.protocol = 1}, Bytes{8, 0, 0, 0})), EchoResult::not_echo_request);
  EXPECT_EQ(result(v4({.protocol = 58}, request6)), EchoResult::not_echo_request);
  EXPECT_EQ(result(v4({.protocol = 1}, request)), EchoResult::bad_checksum);
  EXPECT_EQ(result(v4({.protocol = 1, .fragment = 0x2000}, request)), EchoResult::refused);
  EXPECT_EQ(result(with_l4_checksum(v4({.protocol = 1, .options = {1, 1, 1, 0}}, request), 2)), EchoResult::refused);
  EXPECT_EQ(result(with_l4_checksum(v4({.source = "0.0.0.0", .protocol = 1}, request), 2)), EchoResult::refused);
  EXPECT_EQ(result(with_l4_checksum(v6({.destination = "ff02::1", .next_header = 58}, request6), 2)),
            EchoResult::refused);
}

}  // namespace
}  // namespace sallyport::dataplane::icmp_test
