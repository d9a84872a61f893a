// The header that goes before a sealed packet, and the messages behind it.
#include <gtest/gtest.h>

#include "dataplane/packet/ip_header_template.hpp"
#include "dataplane/packet/wireguard.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::outer_header_test {
namespace {

using namespace test;

IpEndpoint endpoint(std::string_view text) {
  return *IpEndpoint::parse(text);
}

Bytes datagram(const OuterHeaderTemplate& outer, const Bytes& payload, std::uint16_t id, std::uint8_t tos) {
  Bytes packet = Bytes(outer.header_bytes, 0xee) + payload;
  write_outer_header(outer, packet.data(), payload.size(), id, tos);
  return packet;
}

TEST(OuterHeader, OverIpv4IsCompleteWithoutAUdpChecksumIfNoneIsWanted) {
  const auto outer = make_outer_template(endpoint("192.0.2.1:51820"), endpoint("198.51.100.7:1024"), false);
  ASSERT_EQ(outer.header_bytes, 28);
  for (std::size_t size = 0; size < 1500; size += 37) {
    const auto id = static_cast<std::uint16_t>(size * 977);
    Bytes packet = datagram(outer, Bytes(size, 1), id, static_cast<std::uint8_t>(size & 3));
    write_udp_checksum(outer, packet.data(), size);
    const ParsedIp out = parsed(packet);  // checks the header checksum
    ASSERT_EQ(out.total_bytes, 28 + size);
    ASSERT_EQ(out.tos, size & 3);
    ASSERT_EQ(out.ttl, 64);
    ASSERT_FALSE(out.dont_fragment);
    ASSERT_EQ(get16(packet, 4), id);
    ASSERT_EQ(source_address(packet, out), ip("192.0.2.1"));
    ASSERT_EQ(destination_address(packet, out), ip("198.51.100.7"));
    ASSERT_EQ(get16(packet, 20), 51820U);
    ASSERT_EQ(get16(packet, 22), 1024U);
    ASSERT_EQ(get16(packet, 24), 8 + size);
    ASSERT_EQ(get16(packet, 26), 0U);
  }
}

TEST(OuterHeader, OverIpv6HasAUdpChecksumComputedHere) {
  const auto outer = make_outer_template(endpoint("[2001:db8::1]:51820"), endpoint("[2001:db8:1::7]:1024"));
  ASSERT_EQ(outer.header_bytes, 48);
  for (std::size_t size = 0; size < 1500; size += 37) {
    Bytes packet = datagram(outer, Bytes(size, 0x5a), 0, 0x8b);
    write_udp_checksum(outer, packet.data(), size);
    const ParsedIp out = parsed(packet);
    ASSERT_EQ(out.total_bytes, 48 + size);
    ASSERT_EQ(out.tos, 0x8b);
    ASSERT_EQ(get16(packet, 44), 8 + size);
    ASSERT_NE(get16(packet, 46), 0U);
    ASSERT_EQ(slow_l4_checksum(packet), 0);
    ASSERT_TRUE(l4_checksum_holds(packet, out));
  }
}

TEST(OuterHeader, OverIpv4HasAUdpChecksumThatTranslatorsDemand) {
  const auto outer = make_outer_template(endpoint("192.0.2.1:51820"), endpoint("198.51.100.7:1024"));
  for (std::size_t size = 0; size < 1500; size += 37) {
    Bytes packet = datagram(outer, Bytes(size, 0x5a), 0, 0);
    write_udp_checksum(outer, packet.data(), size);
    ASSERT_NE(get16(packet, 26), 0U);
    ASSERT_EQ(slow_l4_checksum(packet), 0);
    ASSERT_TRUE(l4_checksum_holds(packet, parsed(packet)));
  }
}

TEST(OuterHeader, LeavesThePseudoHeaderSumToANicThatCompletesIt) {
  for (const auto& outer : {make_outer_template(endpoint("[2001:db8::1]:51820"), endpoint("[2001:db8:1::7]:1024")),
                            make_outer_template(endpoint("192.0.2.1:51820"), endpoint("198.51.100.7:1024"))}) {
    Bytes packet = datagram(outer, Bytes(33, 0x5a), 0, 0);
    write_udp_checksum_for_offload(outer, packet.data(), 33);
    // What the NIC does: the checksum of the datagram as it lies, into the field.
    const Bytes udp_part(packet.begin() + outer.header_bytes - 8, packet.end());
    put16(packet, outer.header_bytes - 2U, slow_checksum(udp_part));
    EXPECT_EQ(slow_l4_checksum(packet), 0);
  }
}

TEST(OuterHeader, WithoutUdpIsTheIpHeaderAlone) {
  for (const auto& [source, destination] :
       {std::pair{ip("192.0.2.1"), ip("198.51.100.7")}, std::pair{ip("2001:db8::1"), ip("2001:db8:1::7")}}) {
    const auto outer = make_outer_template_without_udp(source, destination, IpProtocol::esp);
    ASSERT_EQ(outer.header_bytes, source.is_v4() ? 20 : 40);
    for (std::size_t size = 0; size < 1500; size += 37) {
      Bytes packet = datagram(outer, Bytes(size, 0x5a), 77, 0x8b);
      write_udp_checksum(outer, packet.data(), size);
      const ParsedIp out = parsed(packet);
      ASSERT_EQ(out.total_bytes, outer.header_bytes + size);
      ASSERT_EQ(out.tos, 0x8b);
      ASSERT_EQ(static_cast<unsigned>(out.l4_protocol), 50U);
      ASSERT_EQ(source_address(packet, out), source);
      ASSERT_EQ(destination_address(packet, out), destination);
      ASSERT_EQ((Bytes{packet.begin() + outer.header_bytes, packet.end()}), Bytes(size, 0x5a));
    }
  }
}

TEST(OuterHeader, IsNotSetWithoutAPathOfOneFamily) {
  EXPECT_FALSE(make_outer_template_without_udp(ip("192.0.2.1"), ip("2001:db8::1"), IpProtocol::esp).is_set());
  EXPECT_FALSE(OuterHeaderTemplate{}.is_set());
  EXPECT_FALSE(make_outer_template({}, {}).is_set());
  EXPECT_FALSE(make_outer_template(endpoint("192.0.2.1:1"), endpoint("[2001:db8::1]:1")).is_set());
}

TEST(Udp, PayloadIsBoundedByBothLengths) {
  UdpHeader header;
  std::span<const std::uint8_t> payload;
  Bytes bytes = udp(1, 2, {7, 8, 9});
  ASSERT_TRUE(udp_payload(bytes, header, payload));
  EXPECT_EQ((Bytes{payload.begin(), payload.end()}), (Bytes{7, 8, 9}));
  put16(bytes, 4, 12);
  EXPECT_FALSE(udp_payload(bytes, header, payload));
  put16(bytes, 4, 7);
  EXPECT_FALSE(udp_payload(bytes, header, payload));
  put16(bytes, 4, 9);
  ASSERT_TRUE(udp_payload(bytes, header, payload));
  EXPECT_EQ(payload.size(), 1U);
  EXPECT_FALSE(udp_payload(std::span(bytes).first(7), header, payload));
}

TEST(Wireguard, IsClassifiedByTypeReservedBytesAndLength) {
  const auto classify = [](Bytes start, std::size_t length) {
    start.resize(length);
    return classify_wireguard(start);
  };
  using enum WireguardMessage;
  EXPECT_EQ(classify({1}, 148), initiation);
  EXPECT_EQ(classify({1}, 147), invalid);
  EXPECT_EQ(classify({1}, 149), invalid);
  EXPECT_EQ(classify({2}, 92), response);
  EXPECT_EQ(classify({2}, 91), invalid);
  EXPECT_EQ(classify({3}, 64), cookie_reply);
  EXPECT_EQ(classify({3}, 65), invalid);
  EXPECT_EQ(classify({4}, 32), data);
  EXPECT_EQ(classify({4}, 33), data);
  EXPECT_EQ(classify({4}, 31), invalid);
  EXPECT_EQ(classify({4, 1}, 32), invalid);
  EXPECT_EQ(classify({4, 0, 0, 1}, 32), invalid);
  EXPECT_EQ(classify({0}, 148), invalid);
  EXPECT_EQ(classify({5}, 148), invalid);
  for (std::size_t length = 0; length < 32; ++length) EXPECT_EQ(classify({4}, length), invalid);
}

TEST(Wireguard, PadsToSixteenButNeverBeyondTheTunnel) {
  EXPECT_EQ(wireguard_padded_bytes(0, 1420), 0U);
  EXPECT_EQ(wireguard_padded_bytes(1, 1420), 16U);
  EXPECT_EQ(wireguard_padded_bytes(16, 1420), 16U);
  EXPECT_EQ(wireguard_padded_bytes(1408, 1420), 1408U);
  EXPECT_EQ(wireguard_padded_bytes(1409, 1420), 1420U);
  EXPECT_EQ(wireguard_padded_bytes(1420, 1420), 1420U);
}

}  // namespace
}  // namespace sallyport::dataplane::outer_header_test
