// The gateway as a station on its links: it answers for its addresses and asks for those of others.
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

class Neighbours : public IntegrationTest {
 protected:
  void SetUp() override {
    start();
    lab->answers_neighbours = false;
  }
};

TEST_F(Neighbours, AnswersAnArpRequestForItsAddress) {
  lab->put(lan, arp_frame(1, far_mac(lan), ip("10.0.0.7"), {}, ip("10.0.0.1"), broadcast_mac));
  const Bytes reply = lab->only_frame(lan);
  ASSERT_FALSE(reply.empty()) << lab->drops();
  EXPECT_EQ(destination_of(reply), far_mac(lan));
  const Bytes expected = arp_frame(2, port_mac(lan), ip("10.0.0.1"), far_mac(lan), ip("10.0.0.7"), far_mac(lan));
  EXPECT_EQ(Bytes(reply.begin(), reply.begin() + 42), expected);
}

TEST_F(Neighbours, DoesNotAnswerForOthers) {
  lab->put(lan, arp_frame(1, far_mac(lan), ip("10.0.0.7"), {}, ip("10.0.0.8"), broadcast_mac));
  lab->put(lan, arp_frame(1, far_mac(lan), ip("10.0.0.7"), {}, ip("192.0.2.1"), broadcast_mac));  // another port's
  lab->put(lan, arp_frame(1, far_mac(lan), ip("10.0.0.7"), {}, lab->ann.v4, broadcast_mac));      // a peer's
  lab->put(lan, solicitation_frame(far_mac(lan), ip("fd00::7"), ip("fd00::8")));
  EXPECT_TRUE(lab->sent().empty());
}

TEST_F(Neighbours, AnswersASolicitationForItsAddress) {
  lab->put(lan, solicitation_frame(far_mac(lan), ip("fd00::7"), ip("fd00::1")));
  const Bytes reply = lab->only_frame(lan);
  ASSERT_FALSE(reply.empty()) << lab->drops();
  const Bytes packet = payload_of(reply);
  EXPECT_TRUE(is_sound(packet));
  EXPECT_EQ(ttl_of(packet), 255U);
  EXPECT_EQ(source_address(packet), ip("fd00::1"));
  EXPECT_EQ(destination_address(packet), ip("fd00::7"));
  const auto icmp = icmp_of(packet);
  ASSERT_TRUE(icmp);
  EXPECT_EQ(icmp->type, 136U);
  EXPECT_EQ(icmp->rest >> 29U, 7U) << "router, solicited, override";
  const Mac mac = port_mac(lan);
  EXPECT_TRUE(std::equal(mac.begin(), mac.end(), icmp->body.begin() + 18));
}

TEST_F(Neighbours, AnswersAPing) {
  lab->put_packet(wan, echo_request(ip("192.0.2.10"), ip("192.0.2.1"), 100));
  Bytes reply = lab->only_packet(wan);
  ASSERT_FALSE(reply.empty()) << lab->drops();
  EXPECT_TRUE(is_sound(reply));
  EXPECT_EQ(reply[20], 0);
  EXPECT_EQ(destination_address(reply), ip("192.0.2.10"));
  lab->put_packet(lan, echo_request(ip("fd00::7"), ip("fd00::1"), 100));
  reply = lab->only_packet(lan);
  ASSERT_FALSE(reply.empty()) << lab->drops();
  EXPECT_TRUE(is_sound(reply));
  EXPECT_EQ(reply[40], 129);
}

TEST_F(Neighbours, AnswersAPingThroughTheTunnelToItsInnerAddress) {
  for (const auto& [from, to] : {std::pair{lab->ann.v4, ip("10.8.0.1")}, std::pair{lab->ann.v6, ip("fd08::1")},
                                 std::pair{lab->ann.v4, ip("10.0.0.1")}}) {
    lab->put_inner(lab->ann, echo_request(from, to));
    const auto reply = lab->only_inner(lab->ann);
    ASSERT_TRUE(reply) << to.to_string() << ' ' << lab->drops();
    EXPECT_EQ(source_address(*reply), to);
    EXPECT_EQ((*reply)[is_v4(*reply) ? 20 : 40], is_v4(*reply) ? 0 : 129);
  }
}

TEST_F(Neighbours, HoldsPacketsUntilTheNeighbourAnswers) {
  const IpAddress host = ip("10.0.0.55");
  for (int i = 0; i < 3; ++i) lab->put_inner(lab->ann, udp_packet(lab->ann.v4, host, 20));
  const Bytes question = lab->only_frame(lan);
  ASSERT_FALSE(question.empty()) << lab->drops();
  EXPECT_EQ(asked_for(question), host);
  EXPECT_EQ(destination_of(question), broadcast_mac);
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 3U);
  lab->put(lan, arp_frame(2, far_mac(lan), host, port_mac(lan), ip("10.0.0.1"), port_mac(lan)));
  const std::vector<Frame> released = lab->sent();
  ASSERT_EQ(released.size(), 3U);
  for (const Frame& frame : released) EXPECT_EQ(destination_of(frame.bytes), far_mac(lan));
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 0U);
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, host, 20));
  EXPECT_FALSE(lab->only_packet(lan).empty()) << "at once now";
}

TEST_F(Neighbours, HoldsOuterPacketsForTheUnderlayGateway) {
  WireguardPeer far = lab->ann;
  far.id = 9;
  far.endpoint = *IpEndpoint::parse("198.51.100.7:4000");
  far.v4 = ip("10.8.0.9");
  far.v6 = ip("fd08::9");
  far.public_key[5] ^= 1;
  lab->add_peer(far);
  lab->give_session(far);
  const Bytes question = lab->only_frame(wan);
  ASSERT_FALSE(question.empty());
  EXPECT_EQ(asked_for(question), ip("192.0.2.254"));
  lab->put(wan, arp_frame(2, far_mac(wan), ip("192.0.2.254"), port_mac(wan), ip("192.0.2.1"), port_mac(wan)));
  EXPECT_TRUE(lab->only_inner(far)) << "the keepalive that begins the session";
}

TEST_F(Neighbours, AreReachedThroughARouterOutsideOfThePortsPrefix) {
  lab.reset();
  lab = std::make_unique<Lab>(LabOptions{.adjust = [](config::Config& configuration) {
    config::Port& port = configuration.ports[wan];
    port.addresses = {*IpPrefix::parse("192.0.2.1/32"), *IpPrefix::parse("2001:db8::1/128")};
    port.gateway = {ip("203.0.113.1"), ip("2001:db8:ffff::1")};
    port.gateway_onlink = true;
  }});
  lab->answers_neighbours = false;
  lab->connect();
  lab->control->push(lab->tunnel());
  for (WireguardPeer* peer : {&lab->ann, &lab->bob}) {
    const bool is_v4 = peer->endpoint.address.is_v4();
    const IpAddress router = ip(is_v4 ? "203.0.113.1" : "2001:db8:ffff::1");
    const IpAddress own = lab->gateway_endpoint(peer->endpoint.address.family).address;
    static_cast<void>(lab->sent());  // announcements
    lab->add_peer(*peer);
    lab->give_session(*peer);
    const Bytes question = lab->only_frame(wan);
    ASSERT_FALSE(question.empty()) << lab->drops();
    EXPECT_EQ(asked_for(question), router);
    lab->put(wan, is_v4 ? arp_frame(2, far_mac(wan), router, port_mac(wan), own, port_mac(wan))
                        : advertisement_frame(far_mac(wan), router, own, port_mac(wan)));
    EXPECT_TRUE(lab->only_inner(*peer)) << "the keepalive that begins the session " << lab->drops();
  }
}

TEST_F(Neighbours, BoundsWhatWaitsForOneNeighbour) {
  for (int i = 0; i < 50; ++i) lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.56"), 20));
  lab->settle();
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 16U);
  EXPECT_EQ(lab->dropped(DropReason::neighbour_queue_full), 34U);
}

TEST_F(Neighbours, DoesNotBelieveAnArpReplyThatNobodyAskedFor) {
  lab->put(lan, arp_frame(2, far_mac(lan), ip("10.0.0.57"), port_mac(lan), ip("10.0.0.1"), port_mac(lan)));
  lab->settle();
  lab->put_inner(lab->ann, udp_packet(lab->ann.v4, ip("10.0.0.57"), 20));
  EXPECT_TRUE(asked_for(lab->only_frame(lan))) << "asks";
}

TEST_F(Neighbours, DropsFramesForOtherStationsAndProtocols) {
  const Bytes packet = echo_request(ip("10.0.0.7"), ip("10.0.0.1"));
  lab->put(lan, ethernet({2, 9, 9, 9, 9, 9}, far_mac(lan), type_ipv4, packet));
  lab->put(lan, ethernet(port_mac(wan), far_mac(lan), type_ipv4, packet));
  lab->put(lan, ethernet(port_mac(lan), far_mac(lan), 0x88cc, packet));
  lab->put(lan, ethernet(port_mac(lan), far_mac(lan), type_ipv6, packet));
  lab->put(lan, ethernet(broadcast_mac, far_mac(lan), type_ipv4, packet));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::not_for_us), 2U);
  EXPECT_EQ(lab->dropped(DropReason::unknown_ethertype), 1U);
  EXPECT_EQ(lab->dropped(DropReason::bad_ip_header), 1U);
  EXPECT_EQ(lab->dropped(DropReason::multicast), 1U) << lab->drops();
}

TEST_F(Neighbours, KeepsUnderlayAndInsideApart) {
  lab->put_packet(wan, udp_packet(ip("192.0.2.10"), lab->ann.v4, 20));
  lab->put_packet(wan, udp_packet(ip("192.0.2.10"), ip("10.0.0.1"), 20));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::not_our_address), 2U);
  lab->put_packet(wan, udp_packet(ip("192.0.2.10"), ip("192.0.2.1"), 20));
  EXPECT_EQ(lab->dropped(DropReason::no_listener), 0U);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::no_listener), 1U);
  lab->put_packet(lan, udp_packet({.address = ip("10.0.0.7"), .port = 5},
                                  {.address = ip("10.0.0.1"), .port = listen_port}, lab->ann.seal({})));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->counter(Counter::opened), 0U) << "tunnels end at underlay ports alone";
}

}  // namespace
}  // namespace sallyport::integration
