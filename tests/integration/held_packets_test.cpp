// Packets that wait inside the gateway: whatever they waited for, they leave only if they still may, and only to whom
// they were meant for.
#include <algorithm>

#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"
#include "tests/integration/policy_images.hpp"

namespace sallyport::integration {
namespace {

constexpr std::string_view both_ways = R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["tcp/8080", "udp/9"] }
dns = { prefixes = ["10.8.0.0/16"], ports = ["udp/53"] }
[[rule]]
name = "web"
action = "allow"
from = ["user:corp/ann"]
to = ["web"]
rate = "1mbit"
[[rule]]
name = "dns"
action = "allow"
from = ["net:10.0.0.0/24"]
to = ["dns"]
)";
constexpr std::string_view nothing = R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["tcp/1"] }
[[rule]]
name = "web"
action = "allow"
from = ["user:corp/bob"]
to = ["web"]
)";

class HeldPackets : public IntegrationTest {
 protected:
  void SetUp() override {
    start({.adjust = [](config::Config& configuration) { configuration.dataplane.max_flows = 4096; }});
    images.emplace(*lab);
    images->identify(lab->ann, {.peer = "ann", .names = {"user:corp/ann"}});
    put(both_ways);
  }
  void TearDown() override {
    images.reset();
    IntegrationTest::TearDown();
  }
  void put(std::string_view text) {
    images->put(text);
    lab->settle();
  }
  void end_session(const WireguardPeer& peer) {
    lab->control->push(abi::RetireSession{.index = peer.gateway_index, .session_id = peer.session_id});
    lab->settle();
  }
  [[nodiscard]] IpEndpoint anns(unsigned port) const {
    return {.address = lab->ann.v4, .port = static_cast<std::uint16_t>(port)};
  }
  [[nodiscard]] Bytes query(std::size_t bytes = 20) const { return udp_packet(client, anns(53), Bytes(bytes)); }
  [[nodiscard]] std::uint64_t held() const { return lab->gateway->housekeeping().packets_held(); }
  // The inner packets in what was sent to the peer.
  [[nodiscard]] std::vector<Bytes> inner_of(const WireguardPeer& peer, const std::vector<Frame>& frames) const {
    std::vector<Bytes> inner;
    for (const Frame& frame : frames) {
      const auto datagram = datagram_of(payload_of(frame.bytes));
      if (!datagram || datagram->to != peer.endpoint) continue;
      const auto data = peer.open(datagram->payload);
      if (data && !data->plaintext.empty()) inner.push_back(data->plaintext);
    }
    return inner;
  }
  // Ann's number and addresses, with another key and another place.
  [[nodiscard]] WireguardPeer successor() const {
    WireguardPeer other = lab->ann;
    other.public_key[0] ^= 0xff;
    other.endpoint = *IpEndpoint::parse("198.51.100.99:4711");
    return other;
  }

  std::optional<PolicyImages> images;
  const IpEndpoint client = *IpEndpoint::parse("10.0.0.7:999");
  const IpEndpoint web = *IpEndpoint::parse("10.0.0.7:8080");
};

TEST_F(HeldPackets, ThatWaitForASessionAreSentOnceItIsThere) {
  end_session(lab->ann);
  for (std::size_t i = 0; i < 3; ++i) lab->put_packet(lan, query(20 + i));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(held(), 3U);
  lab->give_session(lab->ann);
  const std::vector<Bytes> sent = inner_of(lab->ann, lab->sent());
  ASSERT_EQ(sent.size(), 3U) << lab->drops();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(get16(sent[i], 2), 48 + i) << "in order";
    EXPECT_EQ(ttl_of(sent[i]), 63U) << "one hop, however long it took";
  }
  EXPECT_EQ(images->counts("dns").allowed_packets, 3U) << "counted once";
}

TEST_F(HeldPackets, ThatWaitForASessionAreNotSentAfterTheirRightIsGone) {
  end_session(lab->ann);
  lab->put_packet(lan, query());
  lab->settle();
  ASSERT_EQ(held(), 1U);
  put(nothing);
  lab->give_session(lab->ann);
  EXPECT_TRUE(inner_of(lab->ann, lab->sent()).empty());
  EXPECT_EQ(newly_dropped(DropReason::denied), 1U) << lab->drops();
  EXPECT_EQ(held(), 0U);
  lab->advance(1300 * millisecond_ns);
  const auto plaintext = lab->only_inner(lab->ann);
  ASSERT_TRUE(plaintext) << "the responder waits for a packet";
  EXPECT_TRUE(plaintext->empty());
}

TEST_F(HeldPackets, FragmentsThatWaitForASessionAreSentWithTheirFirst) {
  end_session(lab->ann);
  for (const Bytes& piece : fragments_of(query(1200), 512)) lab->put_packet(lan, piece);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(held(), 3U);
  lab->give_session(lab->ann);
  EXPECT_EQ(inner_of(lab->ann, lab->sent()).size(), 3U) << lab->drops();
}

TEST_F(HeldPackets, ThatWaitForTheirRateAreNotSentAfterTheirRightIsGone) {
  const IpEndpoint sink = *IpEndpoint::parse("10.0.0.7:9");
  for (unsigned i = 0; i < 100; ++i) lab->put_inner(lab->ann, udp_packet(anns(999), sink, Bytes(972)));
  for (unsigned i = 0; i < 4; ++i) lab->worker().run_once();
  const std::uint64_t waiting = lab->worker().flow.packets_held();
  ASSERT_GT(waiting, 0U);
  // No worker turns until it is in force.
  const std::uint64_t sequence =
      lab->control->push(abi::SetPeerAccess{.image = lab->image(), .peer_id = lab->ann.id, .identity = lab->ann.id});
  const auto& applied = lab->gateway->statistics().header().applied_sequence;
  while (applied.load() < sequence) lab->gateway->housekeeping().run_once();
  while (held() != 0) lab->settle();
  EXPECT_EQ(lab->sent().size(), images->counts("web").allowed_packets - waiting);
  EXPECT_EQ(newly_dropped(DropReason::denied), waiting) << lab->drops();
}

TEST_F(HeldPackets, ThatWaitForANeighbourAreNotSentAfterTheirRightIsGone) {
  lab->answers_neighbours = false;
  const IpAddress host = ip("10.0.0.55");
  const auto knock = [&] { lab->put_inner(lab->ann, udp_packet(anns(999), {.address = host, .port = 9}, Bytes(20))); };
  const auto answer = [&] {
    lab->put(lan, arp_frame(2, far_mac(lan), host, port_mac(lan), ip("10.0.0.1"), port_mac(lan)));
  };
  for (int i = 0; i < 2; ++i) knock();
  static_cast<void>(lab->sent());
  ASSERT_EQ(held(), 2U);
  put(nothing);
  answer();
  EXPECT_TRUE(lab->sent().empty()) << "the policy has changed";
  EXPECT_EQ(newly_dropped(DropReason::denied), 2U) << lab->drops();
  EXPECT_EQ(held(), 0U);
}

TEST_F(HeldPackets, ThatWaitForANeighbourAreChargedOnce) {
  lab->answers_neighbours = false;
  const IpAddress host = ip("10.0.0.55");
  for (const Bytes& piece : fragments_of(udp_packet(anns(999), {.address = host, .port = 9}, Bytes(1200)), 512))
    lab->put_inner(lab->ann, piece);
  static_cast<void>(lab->sent());
  ASSERT_EQ(held(), 3U);
  lab->put(lan, arp_frame(2, far_mac(lan), host, port_mac(lan), ip("10.0.0.1"), port_mac(lan)));
  const std::vector<Frame> sent = lab->sent();
  ASSERT_EQ(sent.size(), 3U) << lab->drops();
  for (const Frame& frame : sent) EXPECT_EQ(ttl_of(payload_of(frame.bytes)), 63U) << "one hop";
  EXPECT_EQ(images->counts("web").allowed_packets, 3U);
}

TEST_F(HeldPackets, OfAPeerThatIsGoneAreNotSentToANeighbour) {
  lab->answers_neighbours = false;
  const IpAddress host = ip("10.0.0.55");
  lab->put_inner(lab->ann, udp_packet(anns(999), {.address = host, .port = 9}, Bytes(20)));
  static_cast<void>(lab->sent());
  ASSERT_EQ(held(), 1U);
  lab->control->push(abi::RemovePeer{.peer_id = lab->ann.id, .key = lab->ann.public_key});
  lab->add_peer(successor());
  images->put_peer(lab->ann);
  lab->settle();
  lab->put(lan, arp_frame(2, far_mac(lan), host, port_mac(lan), ip("10.0.0.1"), port_mac(lan)));
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(newly_dropped(DropReason::peer_removed), 1U) << lab->drops();
}

TEST_F(HeldPackets, NeverReachThePeerThatGotTheNumberOfTheirs) {
  end_session(lab->ann);
  // One that waits, and one on its way to the queue in which it would.
  lab->put_packet(lan, query());
  lab->settle();
  ASSERT_EQ(held(), 1U);
  lab->put_packet(lan, query());
  lab->worker().run_once();
  WireguardPeer other = successor();
  other.v4 = ip("10.8.0.77");
  other.v6 = ip("fd08::77");
  lab->control->push(abi::RemovePeer{.peer_id = lab->ann.id, .key = lab->ann.public_key});
  lab->add_peer(other);
  lab->give_session(other);
  EXPECT_TRUE(inner_of(other, lab->sent()).empty()) << lab->drops();
  EXPECT_EQ(held(), 0U);
  EXPECT_EQ(newly_dropped(DropReason::peer_removed), 1U) << lab->drops();
}

TEST_F(HeldPackets, OfAFlowDoNotReachThePeerThatGotTheNumberOfItsOwner) {
  lab->put_inner(lab->ann, tcp_segment(anns(40000), web, syn));
  lab->put_packet(lan, tcp_segment(web, anns(40000), syn_ack));
  lab->put_inner(lab->ann, tcp_segment(anns(40000), web, ack));
  lab->put_packet(lan, tcp_segment(web, anns(40000), ack));
  ASSERT_EQ(lab->sent().size(), 4U) << lab->drops();
  // The same address and the same rights, all in one reload.
  WireguardPeer other = successor();
  lab->control->push(abi::RemovePeer{.peer_id = lab->ann.id, .key = lab->ann.public_key});
  lab->add_peer(other);
  images->put_peer(lab->ann);
  lab->give_session(other);
  lab->turn();
  lab->put_packet(lan, tcp_segment(web, anns(40000), ack));
  EXPECT_TRUE(inner_of(other, lab->sent()).empty()) << lab->drops();
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 1U) << lab->drops();
  lab->put_inner(other, tcp_segment(anns(40000), web, syn));
  EXPECT_FALSE(lab->only_packet(lan).empty()) << "it may open its own: " << lab->drops();
  lab->put_packet(lan, tcp_segment(web, anns(40000), syn_ack));
  EXPECT_EQ(inner_of(other, lab->sent()).size(), 1U) << lab->drops();
}

TEST_F(HeldPackets, FragmentsOfAPeerThatIsGoneAreNotThoseOfItsSuccessor) {
  const std::vector<Bytes> pieces =
      fragments_of(udp_packet(anns(999), *IpEndpoint::parse("10.0.0.7:9"), Bytes(1200)), 512);
  lab->put_inner(lab->ann, pieces[1]);
  lab->settle();
  ASSERT_EQ(held(), 1U);
  WireguardPeer other = successor();
  lab->control->push(abi::RemovePeer{.peer_id = lab->ann.id, .key = lab->ann.public_key});
  lab->add_peer(other);
  images->put_peer(lab->ann);
  lab->give_session(other);
  static_cast<void>(lab->sent());
  lab->put_inner(other, pieces[0]);
  EXPECT_FALSE(lab->only_packet(lan).empty()) << lab->drops();
  EXPECT_EQ(newly_dropped(DropReason::peer_removed), 1U) << lab->drops();
}

}  // namespace
}  // namespace sallyport::integration
