#include "dataplane/housekeeping/own_address.hpp"

#include "dataplane/packet/icmp.hpp"
#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::own_address_test {
namespace {

class OwnAddressTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    icmp_errors = std::make_unique<IcmpErrors>(*gateway->context);
    service = std::make_unique<NeighbourService>(*gateway->context, *icmp_errors, std::span<abi::NeighbourStatus>{});
    host = std::make_unique<HostBridge>(*gateway->context);
    own = std::make_unique<OwnAddress>(*gateway->context, *service, *host, *icmp_errors);
  }
  void TearDown() override {
    own.reset();
    host.reset();
    service.reset();
    icmp_errors.reset();
    Lab::TearDown();
  }
  void receive(std::uint8_t port, const Bytes& frame) { own->handle(received(port, frame)); }

  Bytes arp_request(const char* sender, const char* target, const MacAddress& mac = other_mac) {
    Bytes frame(60);
    EXPECT_EQ(build_arp_request(frame, mac, address(sender), address(target)), arp_frame_bytes);
    return frame;
  }
  Bytes solicitation(const char* sender, const char* target) {
    Bytes frame(neighbour_frame_bytes);
    EXPECT_EQ(build_neighbour_solicitation(frame, other_mac, address(sender), address(target)), neighbour_frame_bytes);
    return frame;
  }
  NeighbourInfo neighbour(std::uint8_t port, const char* text) {
    return gateway->neighbours->info(gateway->neighbours->find(port, address(text)));
  }

  std::unique_ptr<IcmpErrors> icmp_errors;
  std::unique_ptr<NeighbourService> service;
  std::unique_ptr<HostBridge> host;
  std::unique_ptr<OwnAddress> own;
};

TEST_F(OwnAddressTest, AnswersAnArpRequestAndLearnsWhoAsked) {
  receive(wan, arp_request("192.0.2.9", "192.0.2.1"));
  const Sent reply = only_sent();
  EXPECT_EQ(reply.task, Task::transmit);
  EXPECT_EQ(reply.tx_port, wan);
  EXPECT_EQ(reply.bytes.size(), arp_frame_bytes);
  EXPECT_EQ(reply.link().destination, other_mac);
  EXPECT_EQ(reply.link().source, wan_mac);
  ArpMessage message;
  ASSERT_EQ(parse_arp(reply.payload(), message), ArpError::none);
  EXPECT_EQ(message.operation, ArpOperation::reply);
  EXPECT_EQ(message.sender, address("192.0.2.1"));
  EXPECT_EQ(message.target, address("192.0.2.9"));
  EXPECT_EQ(neighbour(wan, "192.0.2.9").mac, other_mac);
  EXPECT_EQ(counter(Counter::consumed), 1U);
}

TEST_F(OwnAddressTest, LearnsNobodyFromAnArpRequestThatIsNotForUs) {
  receive(wan, arp_request("192.0.2.9", "192.0.2.77"));
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(gateway->neighbours->size(), 0U);
}

TEST_F(OwnAddressTest, LearnsNobodyWhoIsNotOnTheLink) {
  receive(wan, arp_request("10.0.0.9", "192.0.2.1"));
  EXPECT_EQ(only_sent().link().destination, other_mac);
  EXPECT_EQ(gateway->neighbours->size(), 0U);
}

TEST_F(OwnAddressTest, DoesNotAnswerForAnAddressOfAnotherPort) {
  receive(wan, arp_request("192.0.2.9", "10.0.0.1"));
  EXPECT_TRUE(sent().empty());
}

TEST_F(OwnAddressTest, DefendsItsAddressAgainstAnotherStationOnceASecond) {
  receive(wan, arp_request("192.0.2.1", "192.0.2.9"));
  receive(wan, arp_request("192.0.2.1", "192.0.2.9"));
  const auto announcements = sent();
  // Both addresses and the link-local one, once.
  ASSERT_EQ(announcements.size(), 3U);
  for (const Sent& frame : announcements) EXPECT_EQ(frame.link().source, wan_mac);
  EXPECT_EQ(gateway->neighbours->size(), 0U);
}

TEST_F(OwnAddressTest, AnswersAProbeForItsAddress) {
  Bytes probe = arp_request("192.0.2.9", "192.0.2.1");
  std::fill_n(probe.begin() + 28, 4, std::uint8_t{0});
  receive(wan, probe);
  EXPECT_EQ(only_sent().link().destination, other_mac);
}

TEST_F(OwnAddressTest, AnswersASolicitationAndLearnsWhoAsked) {
  for (const char* target : {"2001:db8::1", "fe80::ff:fe00:1"}) {
    receive(wan, solicitation("2001:db8::9", target));
    const Sent reply = only_sent();
    EXPECT_EQ(reply.link().destination, other_mac);
    ParsedIp ip;
    NeighbourMessage message;
    const Bytes packet = reply.payload();
    ASSERT_EQ(parse_ip(packet, ip), IpParseError::none);
    ASSERT_EQ(parse_neighbour_discovery(packet, ip, message), NeighbourDiscoveryError::none);
    EXPECT_EQ(message.type, Icmp6Type::neighbour_advertisement);
    EXPECT_EQ(message.target, address(target));
    EXPECT_EQ(message.link_layer_address, wan_mac);
    EXPECT_TRUE(message.solicited);
  }
  EXPECT_EQ(neighbour(wan, "2001:db8::9").mac, other_mac);
}

TEST_F(OwnAddressTest, AnswersASolicitationWithoutOptions) {
  Bytes frame = solicitation("2001:db8::9", "2001:db8::1");
  frame.resize(frame.size() - 8);
  Bytes l4(frame.begin() + 54, frame.end());
  const Bytes shorter = ip_packet(address("2001:db8::9"), address("2001:db8::1"), IpProtocol::icmpv6, l4);
  Bytes whole = ethernet(wan_mac, other_mac, EtherType::ipv6, shorter);
  whole[ethernet_header_bytes + 7] = 255;
  receive(wan, whole);
  EXPECT_EQ(only_sent().bytes.size(), neighbour_frame_bytes);
}

TEST_F(OwnAddressTest, ResolvesANeighbourByItsAdvertisement) {
  const std::uint32_t index =
      gateway->neighbours->find_or_create(wan, address("2001:db8::9"), gateway->context->now_ns);
  NeighbourMessage request;
  request.source = address("2001:db8::1");
  request.target = address("2001:db8::9");
  Bytes frame(neighbour_frame_bytes);
  ASSERT_NE(build_neighbour_advertisement(frame, other_mac, request, wan_mac), 0U);
  receive(wan, frame);
  EXPECT_EQ(gateway->neighbours->info(index).state, NeighbourState::reachable);
  EXPECT_EQ(gateway->neighbours->info(index).confirmed_at_ns, gateway->context->now_ns);
}

TEST_F(OwnAddressTest, CountsMalformedNeighbourMessages) {
  receive(wan, ethernet(wan_mac, other_mac, EtherType::arp, Bytes(28)));
  receive(wan, ethernet(wan_mac, other_mac, EtherType::arp, Bytes(5)));
  Bytes routed = solicitation("2001:db8::9", "2001:db8::1");
  routed[ethernet_header_bytes + 7] = 254;
  receive(wan, routed);
  Bytes broken = solicitation("2001:db8::9", "2001:db8::1");
  broken.back() ^= 1;
  receive(wan, broken);
  EXPECT_EQ(dropped(DropReason::bad_neighbour_message), 3U);
  EXPECT_EQ(dropped(DropReason::bad_checksum), 1U);
}

TEST_F(OwnAddressTest, AnswersPing) {
  struct Case {
    const char* from;
    const char* to;
    EtherType type;
  };
  for (const Case& one :
       {Case{"203.0.113.9", "192.0.2.1", EtherType::ipv4}, Case{"2001:db8:1::9", "2001:db8::1", EtherType::ipv6}}) {
    Bytes frame = ethernet(wan_mac, other_mac, one.type, echo_request(address(one.from), address(one.to)));
    const std::size_t length = frame.size();
    frame.resize(length + 7);  // padding
    receive(wan, frame);
    const Sent reply = only_sent();
    EXPECT_EQ(reply.bytes.size(), length);
    EXPECT_EQ(reply.link().destination, other_mac);
    EXPECT_EQ(reply.link().source, wan_mac);
    ParsedIp ip;
    const Bytes packet = reply.payload();
    ASSERT_EQ(parse_ip(packet, ip), IpParseError::none);
    EXPECT_EQ(source_address(packet, ip), address(one.to));
    EXPECT_EQ(destination_address(packet, ip), address(one.from));
    EXPECT_TRUE(l4_checksum_holds(packet, ip));
    EXPECT_EQ(packet[ip.l4_offset], ip.is_v4() ? 0 : 129);
  }
}

TEST_F(OwnAddressTest, BoundsTheRateOfEchoReplies) {
  const Bytes frame =
      ethernet(wan_mac, other_mac, EtherType::ipv4, echo_request(address("203.0.113.9"), address("192.0.2.1")));
  for (unsigned i = 0; i < OwnAddress::burst_echoes + 100; ++i) receive(wan, frame);
  EXPECT_EQ(sent().size(), OwnAddress::burst_echoes);
  EXPECT_EQ(dropped(DropReason::own_address_rate), 100U);
  advance(second_ns);
  receive(wan, frame);
  EXPECT_EQ(sent().size(), 1U);
  // ARP has a rate of its own.
  for (unsigned i = 0; i < OwnAddress::burst_echoes; ++i) receive(wan, frame);
  static_cast<void>(sent());
  receive(wan, arp_request("192.0.2.9", "192.0.2.1"));
  EXPECT_EQ(sent().size(), 1U);
}

TEST_F(OwnAddressTest, DropsAPingWithAWrongChecksum) {
  Bytes packet = echo_request(address("203.0.113.9"), address("192.0.2.1"));
  packet.back() ^= 1;
  receive(wan, ethernet(wan_mac, other_mac, EtherType::ipv4, packet));
  EXPECT_EQ(dropped(DropReason::bad_checksum), 1U);
}

TEST_F(OwnAddressTest, IgnoresAPingToAnAddressThatMerelyCameInAGroupsFrame) {
  receive(wan, ethernet({{0x33, 0x33, 0, 0, 0, 1}}, other_mac, EtherType::ipv6,
                        echo_request(address("2001:db8::9"), address("ff02::1"))));
  receive(wan, ethernet({{0x33, 0x33, 0, 0, 0, 1}}, other_mac, EtherType::ipv6,
                        echo_request(address("2001:db8::9"), address("2001:db8::5"))));
  EXPECT_EQ(dropped(DropReason::icmp_ignored), 2U);
}

TEST_F(OwnAddressTest, ForgedFragmentationNeededChangesNothing) {
  Bytes l4(8 + 28);
  l4[0] = static_cast<std::uint8_t>(IcmpType::destination_unreachable);
  l4[1] = static_cast<std::uint8_t>(IcmpUnreachableCode::fragmentation_needed);
  l4[7] = 68;
  receive(wan, ethernet(wan_mac, other_mac, EtherType::ipv4,
                        ip_packet(address("203.0.113.9"), address("192.0.2.1"), IpProtocol::icmp, l4)));
  EXPECT_EQ(dropped(DropReason::icmp_ignored), 1U);
}

TEST_F(OwnAddressTest, HasNoListenerForWhatNoHostListNames) {
  receive(wan, ethernet(wan_mac, other_mac, EtherType::ipv4,
                        tcp_syn(address("203.0.113.9"), address("192.0.2.1"), 5000, 443)));
  EXPECT_EQ(dropped(DropReason::no_listener), 1U);
  Bytes broken = tcp_syn(address("203.0.113.9"), address("192.0.2.1"), 5000, 443);
  broken.back() ^= 1;
  receive(wan, ethernet(wan_mac, other_mac, EtherType::ipv4, broken));
  EXPECT_EQ(dropped(DropReason::bad_checksum), 1U);
}

TEST_F(OwnAddressTest, RefusesAFrameThatStillHasATag) {
  Bytes frame = ethernet(wan_mac, other_mac, EtherType::vlan, {0, 5, 8, 6});
  frame.resize(80);
  receive(wan, frame);
  EXPECT_EQ(dropped(DropReason::unknown_ethertype), 1U);
}

TEST_F(OwnAddressTest, SurvivesEveryTruncation) {
  const Bytes whole = solicitation("2001:db8::9", "2001:db8::1");
  for (std::size_t length = 0; length < whole.size(); ++length)
    receive(wan, Bytes(whole.begin(), whole.begin() + static_cast<long>(length)));
  EXPECT_TRUE(sent().empty());
}

TEST_F(OwnAddressTest, AnswersPingThroughATunnelFromTheAddressThatWasAsked) {
  own->handle(inner(echo_request(address("10.8.0.2"), address("10.8.0.1")), Task::own_inner_address, peer_in_tunnel));
  own->handle(inner(echo_request(address("fd08::2"), address("fd00::1")), Task::own_inner_address, peer_in_tunnel));
  const auto replies = sent();
  ASSERT_EQ(replies.size(), 2U);
  for (const Sent& reply : replies) {
    EXPECT_EQ(reply.task, Task::route);
    EXPECT_EQ(reply.meta.is_trusted, 1);
    EXPECT_EQ(reply.meta.rx_port, abi::no_port);
    EXPECT_EQ(reply.meta.source_peer, abi::no_peer);
    EXPECT_EQ(reply.meta.ip.total_bytes, reply.bytes.size());
    EXPECT_TRUE(l4_checksum_holds(reply.bytes, reply.meta.ip));
  }
  EXPECT_EQ(source_address(replies[0].bytes, replies[0].meta.ip), address("10.8.0.1"));
  EXPECT_EQ(destination_address(replies[1].bytes, replies[1].meta.ip), address("fd08::2"));
}

TEST_F(OwnAddressTest, TellsAPeerThatItsUdpHasNoListener) {
  own->handle(inner(udp(address("10.8.0.2"), address("10.8.0.1"), 4000, 53, Bytes(20)), Task::own_inner_address,
                    peer_in_tunnel));
  const Sent error = only_sent();
  EXPECT_EQ(error.bytes[20], static_cast<std::uint8_t>(IcmpType::destination_unreachable));
  EXPECT_EQ(error.bytes[21], static_cast<std::uint8_t>(IcmpUnreachableCode::port));
  EXPECT_EQ(dropped(DropReason::no_listener), 1U);
  own->handle(
      inner(tcp_syn(address("10.8.0.2"), address("10.8.0.1"), 4000, 443), Task::own_inner_address, peer_in_tunnel));
  EXPECT_EQ(dropped(DropReason::no_listener), 2U);
  EXPECT_TRUE(sent().empty());
}

}  // namespace
}  // namespace sallyport::dataplane::own_address_test
