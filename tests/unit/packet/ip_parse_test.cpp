#include "dataplane/packet/ip_parse.hpp"

#include <gtest/gtest.h>

#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::ip_parse_test {
namespace {

using namespace test;

IpParseError judge(const Bytes& packet, unsigned flags = parse_default) {
  ParsedIp out;
  return parse_ip(packet, out, flags);
}

TEST(ParseIpv4, YieldsWhatThePacketSays) {
  const Bytes packet = v4({.protocol = 6, .ttl = 3, .tos = 0xb9, .fragment = 0x4000}, Bytes(30));
  const ParsedIp out = parsed(packet);
  EXPECT_EQ(out.family, IpFamily::v4);
  EXPECT_EQ(out.total_bytes, 50U);
  EXPECT_EQ(out.l4_offset, 20);
  EXPECT_EQ(out.l4_bytes(), 30U);
  EXPECT_EQ(out.l4_protocol, IpProtocol::tcp);
  EXPECT_EQ(out.ttl, 3);
  EXPECT_EQ(out.tos, 0xb9);
  EXPECT_TRUE(out.dont_fragment);
  EXPECT_FALSE(out.is_fragment);
  EXPECT_EQ(source_address(packet, out), ip("10.8.0.2"));
  EXPECT_EQ(destination_address(packet, out), ip("10.0.0.7"));
}

TEST(ParseIpv4, ReportsTheTrueLengthOfAPaddedPacket) {
  EXPECT_EQ(parsed(v4({}, Bytes(10)) + Bytes(16)).total_bytes, 30U);
}

TEST(ParseIpv4, RefusesEveryLengthBelowAHeader) {
  const Bytes packet = v4({}, {});
  for (std::size_t length = 0; length < 20; ++length)
    EXPECT_EQ(judge({packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)}), IpParseError::truncated);
  EXPECT_EQ(judge(packet), IpParseError::none);
}

TEST(ParseIpv4, RefusesLyingLengthsEachByItsName) {
  const auto with_total = [](std::size_t total) {
    Bytes packet = v4({}, Bytes(10));
    put16(packet, 2, total);
    fix_v4_checksum(packet);
    return packet;
  };
  EXPECT_EQ(judge(with_total(0)), IpParseError::bad_total_length);
  EXPECT_EQ(judge(with_total(19)), IpParseError::bad_total_length);
  EXPECT_EQ(judge(with_total(20)), IpParseError::none);
  EXPECT_EQ(judge(with_total(31)), IpParseError::length_exceeds_packet);
  EXPECT_EQ(judge(with_total(65535)), IpParseError::length_exceeds_packet);
  for (unsigned words = 0; words < 5; ++words) {
    Bytes packet = v4({}, Bytes(10));
    packet[0] = static_cast<std::uint8_t>(0x40 | words);
    EXPECT_EQ(judge(packet), IpParseError::bad_header_length);
  }
  Bytes packet = v4({}, Bytes(10));
  packet[0] = 0x4f;
  EXPECT_EQ(judge(packet), IpParseError::truncated);
}

TEST(ParseIpv4, RefusesOtherVersions) {
  for (const unsigned version : {0U, 1U, 5U, 7U, 15U}) {
    Bytes packet = v4({}, Bytes(30));
    packet[0] = static_cast<std::uint8_t>(version << 4 | 5);
    EXPECT_EQ(judge(packet), IpParseError::bad_version);
  }
}

TEST(ParseIpv4, ChecksTheHeaderChecksumUnlessTheNicDid) {
  Bytes packet = v4({}, Bytes(10));
  packet[10] ^= 1;
  EXPECT_EQ(judge(packet), IpParseError::bad_header_checksum);
  EXPECT_EQ(judge(packet, parse_header_checksum_verified), IpParseError::none);
}

TEST(ParseIpv4, KnowsWhoCannotBeASender) {
  for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.255.255.255", "255.255.255.255"})
    EXPECT_EQ(judge(v4({.source = source}, {})), IpParseError::bad_source) << source;
  for (const char* source : {"1.0.0.1", "126.255.255.255", "128.0.0.0", "223.255.255.255", "240.0.0.1"})
    EXPECT_EQ(judge(v4({.source = source}, {})), IpParseError::none) << source;
  EXPECT_EQ(judge(v4({.source = "0.0.0.0"}, {}), parse_allow_unspecified_source), IpParseError::none);
  EXPECT_EQ(judge(v4({.source = "0.0.0.1"}, {}), parse_allow_unspecified_source), IpParseError::bad_source);
  for (const char* destination : {"0.0.0.0", "127.0.0.1"})
    EXPECT_EQ(judge(v4({.destination = destination}, {})), IpParseError::bad_destination) << destination;
  EXPECT_EQ(judge(v4({.destination = "255.255.255.255"}, {})), IpParseError::none);
}

TEST(ParseIpv4, WalksOptionsAndRefusesSourceRoutes) {
  EXPECT_EQ(parsed(v4({.options = {1, 1, 1, 0}}, Bytes(4))).l4_offset, 24);
  EXPECT_EQ(parsed(v4({.options = {0x94, 4, 0, 0}}, Bytes(4))).header_bytes, 24);  // router alert
  EXPECT_EQ(judge(v4({.options = {131, 3, 4, 0}}, {})), IpParseError::source_routed);
  EXPECT_EQ(judge(v4({.options = {1, 137, 3, 4}}, {})), IpParseError::source_routed);
  EXPECT_EQ(judge(v4({.options = {7, 1, 0, 0}}, {})), IpParseError::bad_options);
  EXPECT_EQ(judge(v4({.options = {7, 5, 0, 0}}, {})), IpParseError::bad_options);
  EXPECT_EQ(judge(v4({.options = {1, 1, 1, 7}}, {})), IpParseError::bad_options);
  EXPECT_EQ(judge(v4({.options = {0, 131, 0, 0}}, {})), IpParseError::none);  // behind the end
}

TEST(ParseIpv4, KnowsFragments) {
  const ParsedIp first = parsed(v4({.fragment = 0x2000}, Bytes(64)));
  EXPECT_TRUE(first.is_fragment && first.first_fragment && first.more_fragments);
  const ParsedIp last = parsed(v4({.fragment = 0x0010}, Bytes(5)));
  EXPECT_TRUE(last.is_fragment && !last.first_fragment && !last.more_fragments);
  EXPECT_EQ(last.fragment_offset_bytes, 128);
}

TEST(ParseIpv4, RefusesFragmentsThatCannotBePutTogether) {
  EXPECT_EQ(judge(v4({.fragment = 0x2000}, Bytes(63))), IpParseError::bad_fragment);  // not a multiple of 8
  EXPECT_EQ(judge(v4({.fragment = 0x2000}, {})), IpParseError::bad_fragment);         // empty
  EXPECT_EQ(judge(v4({.fragment = 0x1fff}, Bytes(8))), IpParseError::bad_fragment);   // ping of death
  EXPECT_EQ(judge(v4({.fragment = 0x1ffc}, Bytes(11))), IpParseError::none);          // 20 + 65,504 + 11 = 65,535
  EXPECT_EQ(judge(v4({.fragment = 0x1ffc}, Bytes(12))), IpParseError::bad_fragment);
}

Bytes extension(unsigned next, std::size_t bytes) {
  Bytes header(bytes);
  header[0] = static_cast<std::uint8_t>(next);
  header[1] = static_cast<std::uint8_t>(bytes / 8 - 1);
  return header;
}
Bytes fragment(unsigned next, unsigned offset, bool more) {
  Bytes header(8);
  header[0] = static_cast<std::uint8_t>(next);
  put16(header, 2, offset | (more ? 1 : 0));
  return header;
}

TEST(ParseIpv6, YieldsWhatThePacketSays) {
  const Bytes packet = v6({.next_header = 6, .hop_limit = 9, .traffic_class = 0xb9}, Bytes(25));
  const ParsedIp out = parsed(packet + Bytes(7));
  EXPECT_EQ(out.family, IpFamily::v6);
  EXPECT_EQ(out.total_bytes, 65U);
  EXPECT_EQ(out.l4_offset, 40);
  EXPECT_EQ(out.l4_protocol, IpProtocol::tcp);
  EXPECT_EQ(out.ttl, 9);
  EXPECT_EQ(out.tos, 0xb9);
  EXPECT_EQ(source_address(packet, out), ip("fd08::2"));
  EXPECT_EQ(destination_address(packet, out), ip("fd00::7"));
}

TEST(ParseIpv6, RefusesTruncatedAndLyingPackets) {
  const Bytes packet = v6({}, Bytes(8));
  for (std::size_t length = 20; length < 40; ++length)
    EXPECT_EQ(judge({packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)}), IpParseError::truncated);
  for (std::size_t length = 40; length < 48; ++length)
    EXPECT_EQ(judge({packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)}),
              IpParseError::length_exceeds_packet);
}

TEST(ParseIpv6, KnowsWhoCannotBeASender) {
  for (const char* source : {"::", "::1", "ff02::1"})
    EXPECT_EQ(judge(v6({.source = source}, {})), IpParseError::bad_source) << source;
  EXPECT_EQ(judge(v6({.source = "::2"}, {})), IpParseError::none);
  EXPECT_EQ(judge(v6({.source = "::"}, {}), parse_allow_unspecified_source), IpParseError::none);
  EXPECT_EQ(judge(v6({.source = "::1"}, {}), parse_allow_unspecified_source), IpParseError::bad_source);
  for (const char* destination : {"::", "::1"})
    EXPECT_EQ(judge(v6({.destination = destination}, {})), IpParseError::bad_destination) << destination;
}

TEST(ParseIpv6, FindsTheTransportHeaderBehindExtensionHeaders) {
  const Bytes chain = extension(60, 8) + extension(51, 24) + Bytes{6, 4, 0, 0} + Bytes(20) + tcp(2, {});
  const ParsedIp out = parsed(v6({.next_header = 0}, chain));
  EXPECT_EQ(out.l4_protocol, IpProtocol::tcp);
  EXPECT_EQ(out.l4_offset, 40 + 8 + 24 + 24);
  EXPECT_EQ(out.l4_bytes(), 20U);
  EXPECT_EQ(parsed(v6({.next_header = 59}, {})).l4_protocol, IpProtocol::no_next_header);
}

TEST(ParseIpv6, WalksEightExtensionHeadersAndNotOneMore) {
  Bytes chain;
  for (unsigned i = 0; i < max_extension_headers - 1; ++i) chain = chain + extension(60, 8);
  EXPECT_EQ(parsed(v6({.next_header = 60}, chain + extension(17, 8) + udp(1, 2, {}))).l4_offset, 40 + 64);
  EXPECT_EQ(judge(v6({.next_header = 60}, chain + extension(60, 8) + extension(17, 8) + udp(1, 2, {}))),
            IpParseError::too_many_extension_headers);
}

TEST(ParseIpv6, RefusesBadExtensionHeaders) {
  EXPECT_EQ(judge(v6({.next_header = 60}, Bytes(7))), IpParseError::bad_extension_header);
  EXPECT_EQ(judge(v6({.next_header = 60}, Bytes{17, 1, 0, 0, 0, 0, 0, 0})), IpParseError::bad_extension_header);
  EXPECT_EQ(judge(v6({.next_header = 60}, {})), IpParseError::bad_extension_header);
  EXPECT_EQ(judge(v6({.next_header = 60}, extension(0, 8) + extension(17, 8))), IpParseError::bad_extension_header);
  EXPECT_EQ(judge(v6({.next_header = 51}, Bytes{6, 255, 0, 0, 0, 0, 0, 0})), IpParseError::bad_extension_header);
  // A header that ends beyond the packet's length but within what arrived.
  EXPECT_EQ(judge(v6({.next_header = 60}, Bytes{17, 0, 0, 0, 0, 0, 0}) + Bytes(20)),
            IpParseError::bad_extension_header);
}

TEST(ParseIpv6, RefusesSourceRoutes) {
  Bytes routing = extension(17, 24);
  EXPECT_EQ(judge(v6({.next_header = 43}, routing)), IpParseError::source_routed);  // type 0
  routing[2] = 4;
  EXPECT_EQ(judge(v6({.next_header = 43}, routing)), IpParseError::none);  // no segment left
  routing[3] = 1;
  EXPECT_EQ(judge(v6({.next_header = 43}, routing)), IpParseError::source_routed);
}

TEST(ParseIpv6, KnowsFragments) {
  const ParsedIp first = parsed(v6({.next_header = 60}, extension(44, 8) + fragment(17, 0, true) + Bytes(16)));
  EXPECT_TRUE(first.is_fragment && first.first_fragment && first.more_fragments);
  EXPECT_EQ(first.fragment_header_offset, 48);
  EXPECT_EQ(first.l4_offset, 56);
  // What looks like an extension header in a later fragment is data.
  const ParsedIp last = parsed(v6({.next_header = 44}, fragment(60, 1480, false) + Bytes(3)));
  EXPECT_TRUE(last.is_fragment && !last.first_fragment && !last.more_fragments);
  EXPECT_EQ(last.fragment_offset_bytes, 1480);
  EXPECT_EQ(last.l4_offset, 48);
  const ParsedIp atomic = parsed(v6({.next_header = 44}, fragment(17, 0, false) + Bytes(3)));
  EXPECT_FALSE(atomic.is_fragment);
  EXPECT_EQ(atomic.fragment_header_offset, 40);
}

TEST(ParseIpv6, RefusesFragmentsThatCannotBePutTogether) {
  EXPECT_EQ(judge(v6({.next_header = 44}, fragment(17, 0, true) + Bytes(15))), IpParseError::bad_fragment);
  EXPECT_EQ(judge(v6({.next_header = 44}, fragment(17, 8, false))), IpParseError::bad_fragment);
  EXPECT_EQ(judge(v6({.next_header = 44}, fragment(17, 0xfff8, false) + Bytes(8))), IpParseError::bad_fragment);
  EXPECT_EQ(judge(v6({.next_header = 44}, fragment(44, 0, false) + fragment(17, 0, true) + Bytes(8))),
            IpParseError::bad_fragment);
  EXPECT_EQ(judge(v6({.next_header = 44}, Bytes(7))), IpParseError::bad_extension_header);
}

TEST(L4Checksum, HoldsForRightPacketsAndForNoOther) {
  const Bytes payload{1, 2, 3, 4, 5};
  for (Bytes packet : {with_l4_checksum(v4({.protocol = 17}, udp(1, 2, payload)), 6),
                       with_l4_checksum(v4({.protocol = 6}, tcp(2, {}, payload)), 16),
                       with_l4_checksum(v4({.protocol = 1}, Bytes{8, 0, 0, 0, 1, 2, 3, 4, 9}), 2),
                       with_l4_checksum(v6({.next_header = 17}, udp(1, 2, payload)), 6),
                       with_l4_checksum(v6({.next_header = 6}, tcp(2, {}, payload)), 16),
                       with_l4_checksum(v6({.next_header = 58}, Bytes{128, 0, 0, 0, 1, 2, 3, 4, 9}), 2)}) {
    EXPECT_TRUE(l4_checksum_holds(packet, parsed(packet)));
    packet.back() ^= 1;
    EXPECT_FALSE(l4_checksum_holds(packet, parsed(packet)));
  }
}

TEST(L4Checksum, OfUdpMayBeZeroOverIpv4Alone) {
  const Bytes over_v4 = v4({}, udp(1, 2, {1})), over_v6 = v6({}, udp(1, 2, {1}));
  EXPECT_TRUE(l4_checksum_holds(over_v4, parsed(over_v4)));
  EXPECT_FALSE(l4_checksum_holds(over_v6, parsed(over_v6)));
}

TEST(L4Checksum, CountsTheUdpLengthNotTheIpLength) {
  Bytes packet = with_l4_checksum(v4({}, udp(1, 2, {1, 2, 3})), 6);
  packet.insert(packet.end(), {7, 7});  // behind the datagram, inside the packet
  put16(packet, 2, packet.size());
  fix_v4_checksum(packet);
  EXPECT_TRUE(l4_checksum_holds(packet, parsed(packet)));
  put16(packet, 24, 14);  // a UDP length beyond the packet
  EXPECT_FALSE(l4_checksum_holds(packet, parsed(packet)));
}

}  // namespace
}  // namespace sallyport::dataplane::ip_parse_test
