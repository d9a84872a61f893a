// What a router changes in a packet on its way: ECN, TTL, MSS.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/packet/ecn.hpp"
#include "dataplane/packet/mss_clamp.hpp"
#include "dataplane/packet/tcp.hpp"
#include "dataplane/packet/ttl.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::header_changes_test {
namespace {

using namespace test;

TEST(Ecn, DecapsulatesByFigure4OfRfc6040) {
  // Rows: inner Not-ECT, ECT(0), ECT(1), CE. Columns: outer in the same order. -1: drop.
  const Ecn order[] = {Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce};
  const int figure[4][4] = {{0, 0, 0, -1}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}};
  for (int inner = 0; inner < 4; ++inner)
    for (int outer = 0; outer < 4; ++outer) {
      const EcnDecapsulation result = ecn_decapsulate(order[inner], order[outer]);
      const int expected = figure[inner][outer];
      EXPECT_EQ(result.drop, expected < 0) << inner << outer;
      if (expected < 0) continue;
      EXPECT_EQ(result.inner, order[expected]) << inner << outer;
    }
}

TEST(Ecn, ShowsCongestionOutsideAndKeepsDscpInside) {
  EXPECT_EQ(outer_tos_for_data(0xb8), 0);
  EXPECT_EQ(outer_tos_for_data(0xba), 2);
  EXPECT_EQ(outer_tos_for_data(0x03), 3);
}

TEST(Ecn, MarksTheInnerPacketAndItsChecksum) {
  Bytes packet = v4({.tos = 0xba}, udp(1, 2, {}));
  ParsedIp out = parsed(packet);
  ASSERT_TRUE(apply_ecn_decapsulation(packet.data(), out, 0x03));
  EXPECT_EQ(parsed(packet).tos, 0xbb);
  EXPECT_EQ(out.tos, 0xbb);

  Bytes packet6 = v6({.traffic_class = 0xba}, udp(1, 2, {}));
  put16(packet6, 2, 0xabcd);  // flow label
  packet6[1] |= 0x0e;
  out = parsed(packet6);
  ASSERT_TRUE(apply_ecn_decapsulation(packet6.data(), out, 0x03));
  EXPECT_EQ(parsed(packet6).tos, 0xbb);
  EXPECT_EQ(packet6[1], 0xbe);
  EXPECT_EQ(get16(packet6, 2), 0xabcdU);
}

TEST(Ecn, DropsCongestionThatNobodyInsideWouldHear) {
  Bytes packet = v4({.tos = 0xb8}, udp(1, 2, {}));
  ParsedIp out = parsed(packet);
  EXPECT_FALSE(apply_ecn_decapsulation(packet.data(), out, 0x03));
  EXPECT_TRUE(apply_ecn_decapsulation(packet.data(), out, 0x02));
  EXPECT_EQ(packet, v4({.tos = 0xb8}, udp(1, 2, {})));
}

TEST(Ttl, IsTakenDownWithTheChecksumForEveryValue) {
  for (unsigned ttl = 2; ttl < 256; ++ttl)
    for (const unsigned protocol : {1U, 6U, 17U, 255U}) {
      Bytes packet = v4({.protocol = protocol, .ttl = ttl}, {});
      ParsedIp out = parsed(packet);
      ASSERT_TRUE(decrement_ttl(packet.data(), out));
      ASSERT_EQ(packet, v4({.protocol = protocol, .ttl = ttl - 1}, {}));
      ASSERT_EQ(out.ttl, ttl - 1);
    }
  Bytes packet6 = v6({.hop_limit = 2}, {});
  ParsedIp out = parsed(packet6);
  EXPECT_TRUE(decrement_ttl(packet6.data(), out));
  EXPECT_EQ(packet6, v6({.hop_limit = 1}, {}));
}

TEST(Ttl, EndsTheJourneyAtOneAndLeavesThePacketToBeQuoted) {
  for (const unsigned ttl : {0U, 1U}) {
    Bytes packet = v4({.ttl = ttl}, {}), packet6 = v6({.hop_limit = ttl}, {});
    ParsedIp out = parsed(packet);
    EXPECT_FALSE(decrement_ttl(packet.data(), out));
    EXPECT_EQ(packet, v4({.ttl = ttl}, {}));
    out = parsed(packet6);
    EXPECT_FALSE(decrement_ttl(packet6.data(), out));
  }
}

Bytes syn_v4(const Bytes& options, unsigned flags = tcp_flag_syn) {
  return with_l4_checksum(v4({.protocol = 6}, tcp(flags, options, {1, 2, 3})), 16);
}
Bytes syn_v6(const Bytes& options) {
  return with_l4_checksum(v6({.next_header = 6}, tcp(tcp_flag_syn, options)), 16);
}
bool clamp(Bytes& packet, std::uint16_t max_mss) {
  return clamp_mss(packet, parsed(packet), max_mss);
}

TEST(MssClamp, LowersTheOptionOfSynAndSynAck) {
  for (const unsigned flags : {unsigned{tcp_flag_syn}, unsigned{tcp_flag_syn} | tcp_flag_ack}) {
    Bytes packet = syn_v4({2, 4, 0x05, 0xb4}, flags);
    ASSERT_TRUE(clamp(packet, mss_for_mtu(1420, IpFamily::v4)));
    EXPECT_EQ(get16(packet, 42), 1380U);
    EXPECT_EQ(slow_l4_checksum(packet), 0);
  }
  Bytes packet6 = syn_v6({2, 4, 0x05, 0xa0});
  ASSERT_TRUE(clamp(packet6, mss_for_mtu(1420, IpFamily::v6)));
  EXPECT_EQ(get16(packet6, 62), 1360U);
  EXPECT_EQ(slow_l4_checksum(packet6), 0);
}

TEST(MssClamp, KeepsTheChecksumWhereverTheOptionLies) {
  std::mt19937 random(3);
  for (unsigned padding = 0; padding < 4; ++padding)
    for (int round = 0; round < 500; ++round) {
      Bytes options(padding, 1);
      const auto mss = static_cast<std::uint16_t>(1 + random() % 65535);
      options = options + Bytes{2, 4, static_cast<std::uint8_t>(mss >> 8), static_cast<std::uint8_t>(mss)};
      options.resize((options.size() + 3) / 4 * 4);
      Bytes packet = syn_v4(options);
      const auto limit = static_cast<std::uint16_t>(random());
      ASSERT_EQ(clamp(packet, limit), mss > limit);
      ASSERT_EQ(get16(packet, 42 + padding), std::min(mss, limit));
      ASSERT_EQ(slow_l4_checksum(packet), 0);
    }
}

TEST(MssClamp, NeitherRaisesNorAdds) {
  for (const Bytes& options :
       {Bytes{2, 4, 0x02, 0x18}, Bytes{2, 4, 0x05, 0x64}, Bytes{}, Bytes{1, 1, 1, 0}, Bytes{4, 2, 1, 1}}) {
    Bytes packet = syn_v4(options);
    const Bytes before = packet;
    EXPECT_FALSE(clamp(packet, 1380));
    EXPECT_EQ(packet, before);
  }
}

TEST(MssClamp, LeavesOtherPacketsAlone) {
  const Bytes option{2, 4, 0xff, 0xff};
  Bytes not_syn = syn_v4(option, tcp_flag_ack);
  EXPECT_FALSE(clamp(not_syn, 100));
  Bytes later_fragment = v4({.protocol = 6, .fragment = 8}, tcp(tcp_flag_syn, option));
  EXPECT_FALSE(clamp(later_fragment, 100));
  Bytes not_tcp = v4({.protocol = 17}, tcp(tcp_flag_syn, option));
  EXPECT_FALSE(clamp(not_tcp, 100));
}

TEST(MssClamp, SurvivesMalformedHeadersAndOptions) {
  for (const Bytes& options :
       {Bytes{2, 0, 0xff, 0xff}, Bytes{2, 1, 0xff, 0xff}, Bytes{2, 3, 0xff, 0xff}, Bytes{2, 5, 0xff, 0xff},
        Bytes{1, 1, 1, 2}, Bytes{1, 1, 2, 4}, Bytes{8, 255, 2, 4, 0xff, 0xff, 1, 1}, Bytes{0, 2, 4, 0xff}}) {
    Bytes packet = syn_v4(options);
    EXPECT_FALSE(clamp(packet, 100));
  }
  for (unsigned words = 0; words < 16; ++words) {
    Bytes packet = v4({.protocol = 6}, tcp(tcp_flag_syn, {2, 4, 0xff, 0xff}));
    packet[32] = static_cast<std::uint8_t>(words << 4);
    EXPECT_EQ(clamp(packet, 100), words == 6) << words;
  }
  for (std::size_t length = 0; length < 20; ++length) {
    Bytes packet = v4({.protocol = 6}, Bytes(length, 0xff));
    EXPECT_FALSE(clamp(packet, 100));
  }
}

TEST(MssForMtu, LeavesRoomForTheHeaders) {
  EXPECT_EQ(mss_for_mtu(1500, IpFamily::v4), 1460);
  EXPECT_EQ(mss_for_mtu(1500, IpFamily::v6), 1440);
  EXPECT_EQ(mss_for_mtu(40, IpFamily::v4), 0);
  EXPECT_EQ(mss_for_mtu(100000, IpFamily::v6), 65535);
}

}  // namespace
}  // namespace sallyport::dataplane::header_changes_test
