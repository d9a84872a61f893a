#include <gtest/gtest.h>

#include "dataplane/packet/arp.hpp"
#include "tests/unit/packet/packets.hpp"

namespace sallyport::dataplane::link_layer_test {
namespace {

using namespace test;

const MacAddress ours{{2, 0, 0, 0, 0, 1}};
const MacAddress theirs{{2, 0, 0, 0, 0, 9}};

Bytes frame(std::initializer_list<unsigned> types, const Bytes& payload = {}) {
  Bytes bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9};
  bool first = true;
  for (const unsigned type : types) {
    if (!first) bytes = bytes + Bytes{0xe0, 0x0c};  // priority 7, VLAN 12
    bytes = bytes + Bytes{static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)};
    first = false;
  }
  return bytes + payload;
}

FrameError judge(const Bytes& bytes) {
  ParsedFrame out;
  return parse_frame(bytes, out);
}

TEST(MacAddress, KnowsItsKindAndPrints) {
  EXPECT_TRUE(ours.is_unicast());
  EXPECT_FALSE(MacAddress::broadcast().is_unicast());
  EXPECT_FALSE(MacAddress{}.is_unicast());
  EXPECT_TRUE((MacAddress{{0x33, 0x33, 0, 0, 0, 1}}).is_multicast());
  EXPECT_EQ(MacAddress::from_u64(theirs.to_u64()), theirs);
  EXPECT_EQ((MacAddress{{0xab, 0, 1, 2, 3, 0xf4}}).to_string(), "ab:00:01:02:03:f4");
}

TEST(ParseFrame, TakesUntaggedAndTaggedFrames) {
  ParsedFrame out;
  ASSERT_EQ(parse_frame(frame({0x0800}), out), FrameError::none);
  EXPECT_EQ(out.type, EtherType::ipv4);
  EXPECT_EQ(out.l3_offset, 14);
  EXPECT_EQ(out.vlan_id, 0);
  EXPECT_FALSE(out.to_group);
  ASSERT_EQ(parse_frame(frame({0x8100, 0x86dd}), out), FrameError::none);
  EXPECT_EQ(out.type, EtherType::ipv6);
  EXPECT_EQ(out.l3_offset, 18);
  EXPECT_EQ(out.vlan_id, 12);
}

TEST(ParseFrame, RefusesWhatCannotBeAFrameOfOurs) {
  const Bytes whole = frame({0x8100, 0x0800});
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(judge({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)}), FrameError::truncated);
  EXPECT_EQ(judge(frame({0x8100, 0x8100, 0x0800})), FrameError::double_tagged);
  EXPECT_EQ(judge(frame({0x88a8, 0x8100, 0x0800})), FrameError::double_tagged);
  EXPECT_EQ(judge(frame({0x8100, 0x88a8, 0x0800})), FrameError::double_tagged);
  EXPECT_EQ(judge(frame({0x0026})), FrameError::not_ethernet2);
  Bytes from_group = frame({0x0800});
  from_group[6] = 3;
  EXPECT_EQ(judge(from_group), FrameError::bad_source);
}

ArpError judge_arp(const Bytes& payload) {
  ArpMessage out;
  return parse_arp(payload, out);
}

// As RFC 826 lays it out.
Bytes arp(unsigned operation, const Bytes& sender_mac, std::string_view sender, std::string_view target) {
  return Bytes{0, 1, 8, 0, 6, 4, 0, static_cast<std::uint8_t>(operation)} + sender_mac + address_bytes(ip(sender)) +
         Bytes(6) + address_bytes(ip(target));
}
const Bytes their_mac_bytes{2, 0, 0, 0, 0, 9};

TEST(ParseArp, YieldsRequestsAndReplies) {
  ArpMessage out;
  ASSERT_EQ(parse_arp(arp(1, their_mac_bytes, "10.0.0.9", "10.0.0.1") + Bytes(18), out), ArpError::none);
  EXPECT_EQ(out.operation, ArpOperation::request);
  EXPECT_EQ(out.sender_mac, theirs);
  EXPECT_EQ(out.sender, ip("10.0.0.9"));
  EXPECT_EQ(out.target, ip("10.0.0.1"));
  EXPECT_FALSE(out.is_probe() || out.is_gratuitous());
  ASSERT_EQ(parse_arp(arp(1, their_mac_bytes, "0.0.0.0", "10.0.0.1"), out), ArpError::none);
  EXPECT_TRUE(out.is_probe());
  ASSERT_EQ(parse_arp(arp(2, their_mac_bytes, "10.0.0.9", "10.0.0.9"), out), ArpError::none);
  EXPECT_TRUE(out.is_gratuitous());
}

TEST(ParseArp, RefusesWhatIsNoHonestMessage) {
  const Bytes good = arp(1, their_mac_bytes, "10.0.0.9", "10.0.0.1");
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_EQ(judge_arp({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)}), ArpError::truncated);
  for (const std::size_t at : {1U, 2U, 4U, 5U}) {
    Bytes bad = good;
    bad[at] ^= 1;
    EXPECT_EQ(judge_arp(bad), ArpError::not_ipv4_over_ethernet);
  }
  EXPECT_EQ(judge_arp(arp(0, their_mac_bytes, "10.0.0.9", "10.0.0.1")), ArpError::bad_operation);
  EXPECT_EQ(judge_arp(arp(3, their_mac_bytes, "10.0.0.9", "10.0.0.1")), ArpError::bad_operation);
  EXPECT_EQ(judge_arp(arp(1, Bytes(6, 0xff), "10.0.0.9", "10.0.0.1")), ArpError::bad_sender_mac);
  EXPECT_EQ(judge_arp(arp(1, Bytes(6), "10.0.0.9", "10.0.0.1")), ArpError::bad_sender_mac);
  for (const char* sender : {"224.0.0.1", "255.255.255.255", "127.0.0.1", "240.0.0.1"})
    EXPECT_EQ(judge_arp(arp(1, their_mac_bytes, sender, "10.0.0.1")), ArpError::bad_sender_address) << sender;
  EXPECT_EQ(judge_arp(arp(2, their_mac_bytes, "0.0.0.0", "10.0.0.1")), ArpError::bad_sender_address);
  for (const char* target : {"0.0.0.0", "224.0.0.1", "255.255.255.255"})
    EXPECT_EQ(judge_arp(arp(1, their_mac_bytes, "10.0.0.9", target)), ArpError::bad_target_address) << target;
}

TEST(BuildArp, AsksTellsAndAnswersInFramesThatParse) {
  Bytes out(arp_frame_bytes);
  ASSERT_EQ(build_arp_request(out, ours, ip("10.0.0.1"), ip("10.0.0.9")), 42U);
  EXPECT_EQ(out, (Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                        1,    2,    0,    0,    0,    0,    1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9}));
  ArpMessage request;
  ASSERT_EQ(parse_arp(std::span(out).subspan(14), request), ArpError::none);

  ASSERT_EQ(build_arp_reply(out, theirs, request), 42U);
  EXPECT_EQ(load_wire<EthernetHeader>(out.data()).destination, ours);
  ArpMessage reply;
  ASSERT_EQ(parse_arp(std::span(out).subspan(14), reply), ArpError::none);
  EXPECT_EQ(reply.operation, ArpOperation::reply);
  EXPECT_EQ(reply.sender_mac, theirs);
  EXPECT_EQ(reply.sender, ip("10.0.0.9"));
  EXPECT_EQ(reply.target, ip("10.0.0.1"));
  EXPECT_EQ(reply.target_mac, ours);

  ASSERT_EQ(build_arp_announcement(out, ours, ip("10.0.0.1")), 42U);
  ASSERT_EQ(parse_arp(std::span(out).subspan(14), reply), ArpError::none);
  EXPECT_TRUE(reply.is_gratuitous());
}

TEST(BuildArp, RefusesASmallBufferAndForeignAddresses) {
  Bytes small(41), out(42);
  EXPECT_EQ(build_arp_request(small, ours, ip("10.0.0.1"), ip("10.0.0.9")), 0U);
  EXPECT_EQ(build_arp_request(out, ours, ip("10.0.0.1"), ip("fd00::1")), 0U);
}

}  // namespace
}  // namespace sallyport::dataplane::link_layer_test
