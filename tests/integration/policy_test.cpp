// Packets of identities before a policy: what opens a flow, what belongs to one, and when a flow ends.
#include <algorithm>
#include <chrono>

#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"
#include "tests/integration/policy_images.hpp"

namespace sallyport::integration {
namespace {

constexpr std::string_view shop = R"(
[service]
backend = { prefixes = ["10.0.0.0/24", "fd00::/64"], ports = ["tcp/8080"] }
dns     = { prefixes = ["10.0.0.7/32"], ports = ["udp/53"] }
ping    = { prefixes = ["0.0.0.0/0", "::/0"], ports = ["icmp", "icmp6"] }
[[rule]]
name = "frontend-to-backend"
action = "allow"
from = ["user:corp/ann"]
to = ["backend", "dns", "ping"]
)";

class PolicyTest : public IntegrationTest {
 protected:
  void SetUp() override {
    start({.adjust = [](config::Config& configuration) { configuration.dataplane.max_flows = 4096; }});
    images.emplace(*lab);
    images->now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    images->identify(lab->ann, {.peer = "ann", .names = {"user:corp/ann"}});
    images->identify(lab->bob, {.peer = "bob", .names = {"user:corp/bob"}});
  }
  void TearDown() override {
    images.reset();
    IntegrationTest::TearDown();
  }
  void put(std::string_view text) {
    images->put(text);
    lab->settle();
  }
  [[nodiscard]] IpEndpoint at(const IpAddress& address, unsigned port) const {
    return {.address = address, .port = static_cast<std::uint16_t>(port)};
  }
  // Whether a packet of the peer came out of the inside port, or one of an inside host at the peer.
  [[nodiscard]] bool goes_in(WireguardPeer& peer, const Bytes& packet) {
    lab->put_inner(peer, packet);
    return !lab->only_packet(lan).empty();
  }
  [[nodiscard]] bool comes_out(const WireguardPeer& peer, const Bytes& packet) {
    lab->put_packet(lan, packet);
    return lab->only_inner(peer).has_value();
  }
  [[nodiscard]] bool goes_in(const IpEndpoint& to, unsigned flags, unsigned from_port = 40000) {
    return goes_in(lab->ann, tcp_segment(at(to.address.is_v4() ? lab->ann.v4 : lab->ann.v6, from_port), to, flags));
  }
  // A connection of ann's to the host, established.
  void connect(unsigned from_port = 40000) {
    ASSERT_TRUE(goes_in(web, syn, from_port));
    ASSERT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, from_port), syn_ack)));
    ASSERT_TRUE(goes_in(web, ack, from_port));
  }
  template <typename Event>
  [[nodiscard]] std::vector<Event> told() {
    lab->settle();
    return lab->control->events_of<Event>();
  }

  std::optional<PolicyImages> images;
  IpEndpoint web = *IpEndpoint::parse("10.0.0.7:8080");
};

TEST_F(PolicyTest, LetsInWhatARuleAllowsAndNothingElse) {
  put(shop);
  EXPECT_TRUE(goes_in(web, syn));
  EXPECT_TRUE(goes_in(*IpEndpoint::parse("[fd00::7]:8080"), syn));
  EXPECT_TRUE(goes_in(lab->ann, udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:53"), Bytes(4))));
  EXPECT_TRUE(goes_in(lab->ann, echo_request(lab->ann.v4, web.address)));
  EXPECT_EQ(newly_dropped(DropReason::denied), 0U);
  EXPECT_FALSE(goes_in(*IpEndpoint::parse("10.0.0.7:22"), syn)) << "another port";
  EXPECT_FALSE(goes_in(lab->ann, udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:54"), Bytes(4))));
  EXPECT_FALSE(goes_in(*IpEndpoint::parse("10.12.0.7:8080"), syn)) << "another network";
  EXPECT_FALSE(goes_in(lab->ann, ip_packet_of(lab->ann.v4, web.address, 47, Bytes(40)))) << "GRE";
  EXPECT_FALSE(goes_in(lab->ann, ip_packet_of(lab->ann.v4, web.address, 253, Bytes(1)))) << "nobody's protocol";
  EXPECT_EQ(newly_dropped(DropReason::denied), 5U) << lab->drops();
  EXPECT_FALSE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, syn))) << "another identity";
  EXPECT_FALSE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 22), syn))) << "nobody may open towards her";
  EXPECT_EQ(newly_dropped(DropReason::denied), 2U) << lab->drops();
  EXPECT_EQ(images->counts("frontend-to-backend").allowed_packets, 4U);
  EXPECT_EQ(images->counts("").denied_packets, 7U);
}

TEST_F(PolicyTest, LetsRepliesOfAFlowBackAndNothingBesides) {
  put(shop);
  connect();
  EXPECT_FALSE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40001), ack))) << "another port of hers";
  EXPECT_FALSE(comes_out(lab->ann, tcp_segment(at(web.address, 8081), at(lab->ann.v4, 40000), ack)));
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 2U);
  EXPECT_FALSE(comes_out(lab->bob, tcp_segment(web, at(lab->bob.v4, 40000), ack)));
  ASSERT_TRUE(goes_in(lab->ann, echo_request(lab->ann.v4, web.address)));
  Bytes reply = echo_request(web.address, lab->ann.v4);
  reply[20] = 0;
  EXPECT_TRUE(comes_out(lab->ann, with_l4_checksum(reply, 2)));
  reply[24] ^= 1;  // another identifier
  EXPECT_FALSE(comes_out(lab->ann, with_l4_checksum(reply, 2)));
}

TEST_F(PolicyTest, ForgedInnerSourcesStillReachOnlyWhatTheSenderWasGiven) {
  put(shop);
  for (const IpAddress& forged : {lab->bob.v4, ip("10.0.0.7"), ip("203.0.113.9")})
    EXPECT_FALSE(goes_in(lab->ann, tcp_segment(at(forged, 40000), web, syn)));
  EXPECT_EQ(newly_dropped(DropReason::foreign_source), 3U);
  connect();
  EXPECT_FALSE(goes_in(lab->bob, tcp_segment(at(lab->ann.v4, 40000), web, ack))) << "bob in ann's flow";
  EXPECT_EQ(newly_dropped(DropReason::foreign_source), 1U);
}

TEST_F(PolicyTest, DropsWhatIsOutOfState) {
  put(shop);
  for (const unsigned flags : {ack, syn_ack, fin_ack, rst, 0U, 3U, 6U, 1U}) EXPECT_FALSE(goes_in(web, flags));
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 8U);
  connect();
  EXPECT_FALSE(goes_in(web, 3)) << "SYN and FIN";
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 1U);
  EXPECT_TRUE(goes_in(web, rst));
  EXPECT_TRUE(goes_in(web, syn)) << "the same ports again";
  EXPECT_EQ(lab->counter(Counter::flows_opened), 2U);
}

TEST_F(PolicyTest, PicksConnectionsUpOnlyAfterARestart) {
  images->pick_up_s = 60;
  put(shop);
  EXPECT_TRUE(goes_in(web, ack));
  EXPECT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40000), ack)));
  EXPECT_FALSE(goes_in(*IpEndpoint::parse("10.0.0.7:22"), ack)) << "only what a rule allows";
  EXPECT_FALSE(goes_in(web, rst, 40001));
}

TEST_F(PolicyTest, RefusesPortZero) {
  put(shop);
  EXPECT_FALSE(goes_in(at(web.address, 0), syn));
  EXPECT_FALSE(goes_in(web, syn, 0));
  EXPECT_EQ(newly_dropped(DropReason::port_zero), 2U);
}

Bytes icmp_error_about(const IpAddress& reporter, const Bytes& packet, std::size_t quoted_bytes = 28) {
  Bytes l4(8 + quoted_bytes);
  l4[0] = 3;
  l4[1] = 1;
  std::copy_n(packet.begin(), quoted_bytes, l4.begin() + 8);
  return with_l4_checksum(ip_packet_of(reporter, source_address(packet), 1, l4), 2);
}

TEST_F(PolicyTest, LetsIcmpErrorsInThatQuoteALiveFlow) {
  put(shop);
  const Bytes out = tcp_segment(at(lab->ann.v4, 40000), web, syn);
  EXPECT_FALSE(comes_out(lab->ann, icmp_error_about(web.address, out))) << "no flow yet";
  EXPECT_EQ(newly_dropped(DropReason::icmp_unrelated), 1U);
  ASSERT_TRUE(goes_in(lab->ann, out));
  EXPECT_TRUE(comes_out(lab->ann, icmp_error_about(web.address, out)));
  EXPECT_TRUE(comes_out(lab->ann, icmp_error_about(ip("10.0.0.200"), out))) << "a router on the way";
  EXPECT_FALSE(comes_out(lab->ann, icmp_error_about(web.address, tcp_segment(at(lab->ann.v4, 40001), web, syn))));
  EXPECT_FALSE(goes_in(lab->bob, icmp_error_about(lab->bob.v4, tcp_segment(web, at(lab->ann.v4, 40000), ack))))
      << "bob is at no end of it";
  EXPECT_EQ(newly_dropped(DropReason::icmp_unrelated), 2U) << lab->drops();
}

TEST_F(PolicyTest, ChargesIcmpErrorsToTheFlowThatTheyAreAbout) {
  images->record_flows = true;
  put(R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["udp/9"] }
[[rule]]
name = "slow"
action = "allow"
from = ["user:corp/ann"]
to = ["web"]
rate = "1mbit"
)");
  const Bytes out = udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:9"), Bytes(900));
  ASSERT_TRUE(goes_in(lab->ann, out));
  const Bytes error = icmp_error_about(web.address, out, 500);
  ASSERT_TRUE(comes_out(lab->ann, error));
  const auto records = [&] {
    for (unsigned i = 0; i < 36; ++i) lab->advance(second_ns);
    return told<abi::FlowEnded>();
  };
  EXPECT_EQ(images->counts("slow").allowed_packets, 2U);
  EXPECT_EQ(images->counts("slow").allowed_bytes, out.size() + error.size());
  for (unsigned i = 0; i < 400; ++i) {
    lab->put_packet(lan, error);
    if (i % 50 == 49) lab->settle();
  }
  lab->settle();
  while (lab->gateway->housekeeping().packets_held() != 0) lab->settle();
  static_cast<void>(lab->sent());
  EXPECT_GT(newly_dropped(DropReason::rate_limited), 0U) << lab->drops();
  const auto ended = records();
  ASSERT_EQ(ended.size(), 1U) << "errors keep no flow alive";
  EXPECT_EQ(ended[0].flow.packets[0], 1U);
  EXPECT_GT(ended[0].flow.packets[1], 1U);
  EXPECT_EQ(ended[0].flow.bytes[1], ended[0].flow.packets[1] * error.size());
}

TEST_F(PolicyTest, HoldsTheFragmentsOfALargeDatagramUntilTheFirstComes) {
  put(shop);
  std::vector<Bytes> pieces =
      fragments_of(udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:53"), Bytes(65'000)), 1232);
  ASSERT_GT(pieces.size(), 50U);
  std::reverse(pieces.begin(), pieces.end());
  std::size_t passed = 0;
  for (const Bytes& piece : pieces) {
    ASSERT_TRUE(lab->put_inner(lab->ann, piece));
    passed += lab->sent().size();
  }
  EXPECT_EQ(passed, pieces.size()) << lab->drops();
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
}

TEST_F(PolicyTest, DecidesFragmentsWithTheirFirst) {
  put(shop);
  const Bytes dns = udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:53"), Bytes(1200));
  std::vector<Bytes> pieces = fragments_of(dns, 512);
  for (const Bytes& piece : pieces) lab->put_inner(lab->ann, piece);
  EXPECT_EQ(lab->sent().size(), pieces.size());
  pieces = fragments_of(dns, 512, 78);
  std::reverse(pieces.begin(), pieces.end());
  for (const Bytes& piece : pieces) lab->put_inner(lab->ann, piece);
  EXPECT_EQ(lab->sent().size(), pieces.size()) << "those that came before the first waited for it";
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();

  pieces = fragments_of(udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:54"), Bytes(1200)), 512, 79);
  for (const Bytes& piece : pieces) lab->put_inner(lab->ann, piece);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(newly_dropped(DropReason::denied), pieces.size());
  lab->put_inner(lab->ann, fragments_of(dns, 512, 80)[1]);
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 1U);
}

TEST_F(PolicyTest, CountsWhatAnAuditRuleWouldDrop) {
  put(std::string(shop) + R"(
[[rule]]
name = "soon-closed"
action = "audit"
from = ["user:corp/ann"]
to = ["dns"]
)");
  for (unsigned i = 0; i < 100; ++i)
    ASSERT_TRUE(goes_in(lab->ann, udp_packet(at(lab->ann.v4, 999), *IpEndpoint::parse("10.0.0.7:53"), Bytes(4))));
  ASSERT_TRUE(goes_in(web, syn));
  EXPECT_EQ(images->counts("soon-closed").denied_packets, 100U);
  EXPECT_EQ(lab->counter(Counter::audited), 100U);
  EXPECT_EQ(images->counts("frontend-to-backend").allowed_packets, 101U);
}

TEST_F(PolicyTest, AnswersWhatARejectRuleDenies) {
  put(std::string(shop) + R"(
[[rule]]
name = "frozen"
action = "deny"
deny = "reject"
from = ["user:corp/bob"]
to = ["*"]
)");
  lab->put_inner(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, syn, 7));
  auto answer = lab->only_inner(lab->bob);
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)[9], 6) << "TCP";
  EXPECT_EQ((*answer)[33], 20) << "RST, ACK";
  EXPECT_EQ(source_address(*answer), web.address);
  lab->put_inner(lab->bob, udp_packet(lab->bob.v6, ip("fd00::7"), 20));
  answer = lab->only_inner(lab->bob);
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)[40], 1) << "ICMPv6: unreachable";
  EXPECT_EQ((*answer)[41], 1) << "administratively prohibited";
  EXPECT_EQ(images->counts("frozen").denied_packets, 2U);
}

TEST_F(PolicyTest, HoldsARateForEachIdentityAndDirection) {
  put(R"(
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["udp/9"] }
[[rule]]
name = "slow"
action = "allow"
from = ["user:corp/ann", "user:corp/bob"]
to = ["web"]
rate = "1mbit"
)");
  const IpEndpoint sink = *IpEndpoint::parse("10.0.0.7:9");
  // Of a hundred packets those that came out, also after they waited.
  const auto burst = [&](WireguardPeer& peer) {
    for (unsigned i = 0; i < 100; ++i) lab->put_inner(peer, udp_packet(at(peer.v4, 999), sink, Bytes(972)));
    std::size_t passed = lab->sent().size();
    EXPECT_GT(lab->gateway->housekeeping().packets_held(), 0U) << "50 ms of the rate wait";
    while (lab->gateway->housekeeping().packets_held() != 0) passed += lab->sent().size();
    return passed + lab->sent().size();
  };
  const std::size_t ann = burst(lab->ann);
  EXPECT_GE(ann, 65U) << "64 KiB at once";
  EXPECT_LT(ann, 90U);
  EXPECT_EQ(newly_dropped(DropReason::rate_limited), 100U - ann);
  EXPECT_EQ(images->counts("slow").limited_packets, 100U - ann);
  EXPECT_GE(burst(lab->bob), 65U) << "another identity";
  EXPECT_TRUE(comes_out(lab->ann, udp_packet(sink, at(lab->ann.v4, 999), Bytes(972)))) << "another direction";
}

TEST_F(PolicyTest, DoesNotPutAnImageInForceThatLacksAPart) {
  put(shop);
  connect();
  lab->control->push(abi::BeginPolicy{.image = lab->next_image(), .generation = 9});
  lab->control->push(abi::SetRule{.image = lab->image(), .number = abi::max_rules});
  const std::uint64_t commit = lab->control->push(abi::CommitPolicy{.image = lab->image()});
  lab->settle();
  EXPECT_EQ(lab->control->refusal_of(commit), abi::Refusal::incomplete_image);
  EXPECT_TRUE(goes_in(web, ack)) << "the one before stays";
}

TEST_F(PolicyTest, CutsAtTheNextPacketWhatLostItsRightAndNothingElse) {
  put(std::string(shop) + R"(
[[rule]]
name = "bob-too"
action = "allow"
from = ["user:corp/bob"]
to = ["backend"]
)");
  connect();
  const Bytes bobs = tcp_segment(at(lab->bob.v4, 40000), web, syn);
  ASSERT_TRUE(goes_in(lab->bob, bobs));
  put(shop);
  EXPECT_TRUE(goes_in(web, ack)) << "ann's goes on";
  EXPECT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40000), ack)));
  EXPECT_EQ(lab->all_dropped(), 0U);
  EXPECT_FALSE(comes_out(lab->bob, tcp_segment(web, at(lab->bob.v4, 40000), syn_ack))) << "whichever way it goes";
  EXPECT_EQ(newly_dropped(DropReason::denied), 1U);
  EXPECT_EQ(lab->counter(Counter::flows_revoked), 1U);
  const auto denied = told<abi::FlowDenied>();
  ASSERT_EQ(denied.size(), 1U);
  EXPECT_EQ(denied[0].flow.source_peer, lab->bob.id) << "seen from the side that opened it";
  EXPECT_EQ(denied[0].flow.destination_port, 8080);
}

TEST_F(PolicyTest, GoesOnFromStepToStepWithoutAControlPlane) {
  put(std::string(shop) + R"(
[[rule]]
name = "vendor"
action = "allow"
from = ["user:corp/bob"]
to = ["backend"]
expires = 2030-01-01T00:00:00Z
)");
  images->now = std::chrono::sys_seconds(std::chrono::seconds(1893456000 - 30));  // 30 s before
  images->put_peer(lab->bob);
  lab->settle();
  connect();
  ASSERT_TRUE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, syn)));
  lab->disconnect();
  lab->advance(29 * second_ns);
  static_cast<void>(lab->sent());  // keepalives
  EXPECT_TRUE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, syn)));
  lab->advance(2 * second_ns);
  static_cast<void>(lab->sent());
  EXPECT_FALSE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, ack)));
  EXPECT_FALSE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40001), web, syn)));
  EXPECT_EQ(newly_dropped(DropReason::denied), 2U) << lab->drops();
  EXPECT_TRUE(goes_in(web, ack)) << "ann's goes on";
}

TEST_F(PolicyTest, EndsTheFlowsOfAPeerThatIsRemovedAndOfItsSuccessorToo) {
  put(shop);
  connect();
  lab->control->push(abi::RemovePeer{.peer_id = lab->ann.id, .key = lab->ann.public_key});
  lab->add_peer(lab->ann);
  lab->give_session(lab->ann);
  lab->settle();
  EXPECT_FALSE(goes_in(web, ack)) << "the same id and address, but nobody yet";
  images->put_peer(lab->ann);
  lab->settle();
  EXPECT_TRUE(goes_in(web, syn, 40001));
}

TEST_F(PolicyTest, ReachesPeersByTheirIdentity) {
  put(R"(
[service]
bobs-laptop = { identities = ["user:corp/bob"], ports = ["tcp/22"] }
[[rule]]
name = "ann-helps-bob"
action = "allow"
from = ["user:corp/ann"]
to = ["bobs-laptop"]
)");
  lab->put_inner(lab->ann, tcp_segment(at(lab->ann.v4, 40000), at(lab->bob.v4, 22), syn));
  EXPECT_TRUE(lab->only_inner(lab->bob));
  lab->put_inner(lab->bob, tcp_segment(at(lab->bob.v4, 22), at(lab->ann.v4, 40000), syn_ack));
  EXPECT_TRUE(lab->only_inner(lab->ann));
  lab->put_inner(lab->bob, tcp_segment(at(lab->bob.v4, 40000), at(lab->ann.v4, 22), syn));
  EXPECT_FALSE(lab->only_inner(lab->ann)) << "not the other way";
  EXPECT_EQ(newly_dropped(DropReason::denied), 1U);
}

TEST_F(PolicyTest, FollowsTheEndpointsOfALiveService) {
  constexpr std::string_view live = R"(
[service]
backend = { endpoints = "prod/shop/backend", ports = ["tcp/8080"] }
[[rule]]
name = "to-backend"
action = "allow"
from = ["user:corp/ann"]
to = ["backend"]
)";
  put(live);
  EXPECT_FALSE(goes_in(web, syn));
  images->endpoints["backend"] = {IpPrefix::host(web.address)};
  images->put_addresses();
  lab->advance(20 * millisecond_ns);
  connect();
  images->endpoints["backend"] = {IpPrefix::host(ip("10.0.0.8"))};
  images->put_addresses();
  lab->advance(20 * millisecond_ns);
  EXPECT_FALSE(goes_in(web, ack)) << "its pod is gone";
  EXPECT_EQ(lab->counter(Counter::flows_revoked), 1U);
}

TEST_F(PolicyTest, KeepsFlowsToAnEndpointThatDrainsAndBeginsNone) {
  put(R"(
[service]
backend = { endpoints = "prod/shop/backend", ports = ["tcp/8080", "udp/53"] }
ping    = { prefixes = ["10.0.0.8/32"], ports = ["icmp"] }
[[rule]]
name = "to-backend"
action = "allow"
from = ["user:corp/ann"]
to = ["backend", "ping"]
)");
  const IpAddress other = ip("10.0.0.8");
  const Bytes question = udp_packet(at(lab->ann.v4, 999), at(web.address, 53), Bytes(4));
  const auto move = [&](std::vector<IpPrefix> ready, std::vector<IpPrefix> draining) {
    images->endpoints["backend"] = std::move(ready);
    images->draining["backend"] = std::move(draining);
    images->put_addresses();
    lab->advance(20 * millisecond_ns);
  };
  move({IpPrefix::host(web.address), IpPrefix::host(other)}, {});
  connect();
  ASSERT_TRUE(goes_in(lab->ann, question));
  ASSERT_TRUE(goes_in(at(other, 8080), syn));

  move({}, {IpPrefix::host(web.address), IpPrefix::host(other)});
  EXPECT_TRUE(goes_in(web, ack)) << "the connection goes on";
  EXPECT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40000), ack)));
  EXPECT_TRUE(goes_in(lab->ann, question)) << "and what is no TCP";
  EXPECT_TRUE(goes_in(at(other, 8080), ack));
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
  EXPECT_FALSE(goes_in(web, syn, 40001)) << "a new one does not begin";
  EXPECT_FALSE(goes_in(lab->ann, udp_packet(at(lab->ann.v4, 998), at(web.address, 53), Bytes(4))));
  EXPECT_FALSE(goes_in(at(other, 8080), syn, 40001)) << "nor where another service is";
  EXPECT_EQ(newly_dropped(DropReason::endpoint_draining), 3U) << lab->drops();
  EXPECT_TRUE(goes_in(lab->ann, echo_request(lab->ann.v4, other))) << "which goes on as ever";
  EXPECT_FALSE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, syn)));
  EXPECT_FALSE(goes_in(web, ack, 40002)) << "in mid-stream";
  EXPECT_EQ(newly_dropped(DropReason::denied), 1U) << "bob never had a right";
  EXPECT_EQ(newly_dropped(DropReason::out_of_state), 1U);
  EXPECT_EQ(images->counts("").denied_packets, 4U);
  auto denied = told<abi::FlowDenied>();
  ASSERT_EQ(denied.size(), 4U);
  EXPECT_EQ(denied[0].flow.end, abi::FlowEnd::endpoint_draining);
  EXPECT_EQ(denied[0].flow.rule, 0U);
  EXPECT_EQ(denied[3].flow.end, abi::FlowEnd::denied);

  EXPECT_TRUE(goes_in(web, rst));
  EXPECT_FALSE(goes_in(web, syn)) << "the same ports are another connection";
  EXPECT_EQ(newly_dropped(DropReason::endpoint_draining), 1U);
  move({IpPrefix::host(web.address)}, {});
  EXPECT_TRUE(goes_in(web, syn)) << "it is ready again";
  EXPECT_FALSE(goes_in(at(other, 8080), ack)) << "that one is gone for good";
  EXPECT_EQ(lab->counter(Counter::flows_revoked), 1U);
}

TEST_F(PolicyTest, PicksUpConnectionsToADrainingEndpointAfterARestart) {
  images->pick_up_s = 60;
  images->draining["backend"] = {IpPrefix::host(web.address)};
  put(R"(
[service]
backend = { endpoints = "prod/shop/backend", ports = ["tcp/8080"] }
[[rule]]
name = "to-backend"
action = "allow"
from = ["user:corp/ann"]
to = ["backend"]
)");
  EXPECT_TRUE(goes_in(web, ack));
  EXPECT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40000), ack)));
  EXPECT_FALSE(goes_in(web, syn, 40001));
  EXPECT_EQ(newly_dropped(DropReason::endpoint_draining), 1U);
}

TEST_F(PolicyTest, KeepsTheFlowsOfAPeerWhoseKeyChanges) {
  put(shop);
  connect();
  abi::SetPeer set = lab->peer_command(lab->ann);
  set.former_key = set.key;
  set.key[0] ^= 1;
  lab->control->push(set);
  lab->settle();
  EXPECT_TRUE(goes_in(web, ack));
  EXPECT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40000), ack)));
  EXPECT_TRUE(goes_in(web, syn, 40001)) << "its access is as before";
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
  EXPECT_EQ(lab->counter(Counter::flows_opened), 2U);
}

TEST_F(PolicyTest, TellsADenialOnceAndCountsTheOthers) {
  put(shop);
  for (unsigned i = 0; i < 50; ++i) EXPECT_FALSE(goes_in(*IpEndpoint::parse("10.0.0.7:22"), syn));
  EXPECT_FALSE(goes_in(*IpEndpoint::parse("10.0.0.7:23"), syn));
  const auto denied = told<abi::FlowDenied>();
  ASSERT_EQ(denied.size(), 2U);
  EXPECT_EQ(denied[0].flow.source, lab->ann.v4);
  EXPECT_EQ(denied[0].flow.source_peer, lab->ann.id);
  EXPECT_EQ(denied[0].flow.rule, 0U);
  EXPECT_EQ(denied[1].suppressed, 49U);
}

TEST_F(PolicyTest, RecordsFlowsThatEndWithTheirLastCounts) {
  images->record_flows = true;
  put(shop);
  connect();
  ASSERT_TRUE(goes_in(web, fin_ack));
  ASSERT_TRUE(comes_out(lab->ann, tcp_segment(web, at(lab->ann.v4, 40000), fin_ack)));
  ASSERT_TRUE(goes_in(web, ack));
  lab->advance(11 * second_ns);
  lab->advance(second_ns);
  const auto ended = told<abi::FlowEnded>();
  ASSERT_EQ(ended.size(), 1U);
  const abi::FlowRecord& flow = ended[0].flow;
  EXPECT_EQ(flow.packets[0], 4U);
  EXPECT_EQ(flow.packets[1], 2U);
  EXPECT_EQ(flow.bytes[0], 160U);
  EXPECT_EQ(flow.end, abi::FlowEnd::closed);
  EXPECT_EQ(images->rule_of(flow.rule), "frontend-to-backend");
  EXPECT_EQ(flow.session_index, lab->ann.gateway_index);
  EXPECT_EQ(lab->gateway->tables().flows.live(), 0U);
}

TEST_F(PolicyTest, ListsLiveFlows) {
  put(shop);
  connect();
  connect(40001);
  ASSERT_TRUE(goes_in(lab->ann, echo_request(lab->ann.v4, web.address)));
  const auto list = [&](abi::ListFlows request) {
    lab->control->events.clear();
    lab->control->push(request);
    EXPECT_EQ(told<abi::FlowListingEnded>().size(), 1U);
    return told<abi::FlowShown>();
  };
  abi::ListFlows everything{
      .listing = 1, .peer_id = abi::no_peer, .most = 100, .rule = 0, .protocol = abi::any_protocol};
  EXPECT_EQ(list(everything).size(), 3U);
  abi::ListFlows one = everything;
  one.port = 40001;
  ASSERT_EQ(list(one).size(), 1U);
  EXPECT_EQ(list(one)[0].flow.tcp_state, abi::TcpState::established);
  one = everything;
  one.protocol = 1;
  EXPECT_EQ(list(one).size(), 1U);
  one = everything;
  one.peer_id = lab->bob.id;
  EXPECT_EQ(list(one).size(), 0U);
  one = everything;
  one.address = IpPrefix::host(web.address);
  EXPECT_EQ(list(one).size(), 3U);
  one = everything;
  one.most = 2;
  EXPECT_EQ(list(one).size(), 2U);
}

TEST_F(PolicyTest, AScanningPeerUsesUpItsOwnShareOfTheTable) {
  put(R"(
[service]
all = { prefixes = ["10.0.0.0/24"], ports = ["tcp", "udp"] }
[[rule]]
name = "both"
action = "allow"
from = ["user:corp/ann", "user:corp/bob"]
to = ["all"]
)");
  for (unsigned port = 1; port <= 6000; ++port) {
    lab->put_inner(lab->ann, tcp_segment(at(lab->ann.v4, 40000), at(web.address, port), syn));
    if (port % 32 == 0) static_cast<void>(lab->sent());
  }
  static_cast<void>(lab->sent());
  EXPECT_GT(newly_dropped(DropReason::flow_quota), 3000U) << lab->drops();
  EXPECT_TRUE(goes_in(lab->bob, tcp_segment(at(lab->bob.v4, 40000), web, syn))) << lab->drops();
  EXPECT_EQ(newly_dropped(DropReason::flow_table_full), 0U);
  lab->advance(31 * second_ns);
  lab->advance(second_ns);
  lab->advance(second_ns);
  EXPECT_EQ(lab->gateway->tables().flows.live(), 0U) << "nobody answered";
}

}  // namespace
}  // namespace sallyport::integration
