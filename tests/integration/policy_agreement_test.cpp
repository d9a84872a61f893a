// Packets before random policies: what the dataplane does with an injected packet, what the policy's own evaluation
// (`sallyctl explain`) says, and what an oracle of a few lines says, agree.
//
// Peers 10 to 17 stand for random identities; half of the world's addresses are theirs, the others lie behind the
// inside port. A packet that is allowed leaves through the inside port or a tunnel, or is dropped as a loop because it
// would go back where it came from; one that is not is dropped as denied, or because the endpoint is draining.
#include "tests/integration/fixture.hpp"
#include "tests/integration/policy_images.hpp"
#include "tests/unit/policy/oracle.hpp"
#include "tests/unit/policy/random_policy.hpp"

namespace sallyport::integration {
namespace {

using policy::RandomWorld;

constexpr unsigned policies = 100, tuples = 1000;
constexpr std::uint32_t first_peer = 10, peer_count = 8;

std::string name_of(const policy::Rule* rule) {
  return rule == nullptr ? "" : rule->name;
}

class PolicyAgreement : public IntegrationTest {
 protected:
  void SetUp() override {
    // Every policy is met by a thousand flows, which are forgotten before the next one.
    start({.max_sessions = 4096,
           .adjust = [](config::Config& configuration) { configuration.dataplane.max_flows = 16384; }});
    images.emplace(*lab);
    images->now = RandomWorld::now;
    for (std::uint32_t i = 0; i < peer_count; ++i) {
      WireguardPeer peer = lab->ann;
      peer.id = first_peer + i;
      peer.endpoint.port = static_cast<std::uint16_t>(41000 + i);
      peer.public_key[5] = static_cast<std::uint8_t>(1 + i);
      peer.v4 = IpAddress::v4(10, 8, 1, static_cast<std::uint8_t>(1 + i));
      peer.v6 = ip("fd08::1:" + std::to_string(i));
      peers.push_back(peer);
      lab->add_peer(peer);
    }
    // The world's hosts, by turns behind a peer and behind a router inside.
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const IpAddress host = ip(hosts[i]);
      if (i % 2 == 0) {
        owners[host] = &peers[i % peer_count];
        lab->control->push(lab->route_to(IpPrefix::host(host), peers[i % peer_count]));
      } else {
        owners[host] = nullptr;
        lab->control->push(abi::SetRoute{.prefix = IpPrefix::host(host),
                                         .route_kind = abi::RouteKind::via,
                                         .peer_id = abi::no_peer,
                                         .via = host.is_v4() ? ip("10.0.0.7") : ip("fd00::7")});
      }
    }
    lab->settle();
  }
  void TearDown() override {
    images.reset();
    IntegrationTest::TearDown();
  }

  // The first packet of a flow, with ports (or an identifier) that no other flow has.
  [[nodiscard]] Bytes packet(const policy::Flow& flow, const IpAddress& from, unsigned number) const {
    const auto own_port = static_cast<std::uint16_t>(1024 + number % 60000);
    const IpEndpoint source{.address = from, .port = own_port};
    const IpEndpoint destination{.address = *flow.destination.address, .port = flow.port};
    switch (flow.protocol) {
      case policy::tcp:
        return tcp_segment(source, destination, 2);
      case policy::udp:
        return udp_packet(source, destination, Bytes(8));
      case policy::sctp: {
        Bytes l4(16);
        put16(l4, 0, own_port);
        put16(l4, 2, flow.port);
        return ip_packet_of(from, destination.address, 132, l4);
      }
      default: {
        Bytes request = echo_request(from, destination.address);
        put16(request, from.is_v4() ? 24 : 44, number);
        return with_l4_checksum(request, 2);
      }
    }
  }

  std::vector<const char*> hosts = {"10.1.1.1", "10.1.1.2", "10.1.2.1",     "10.2.0.1",
                                    "10.3.0.1", "9.9.9.9",  "2001:db8:1::", "2001:db8:2::1"};
  std::vector<WireguardPeer> peers;
  std::map<IpAddress, WireguardPeer*> owners;  // null: inside
  std::optional<PolicyImages> images;
};

TEST_F(PolicyAgreement, OfOracleExplanationAndPacketsOverRandomPolicies) {
  std::uint64_t allowed = 0, denied = 0, audited = 0, drained = 0;
  for (std::uint32_t seed = 1; seed <= policies; ++seed) {
    RandomWorld world(seed);
    std::map<std::uint32_t, policy::Facts> facts;
    for (WireguardPeer& peer : peers) {
      facts[peer.id] = world.peer();
      images->identify(peer, facts[peer.id]);
      lab->give_session(peer);
    }
    images->endpoints = world.endpoints();
    images->draining = world.draining();
    images->put(world.policy());
    lab->settle();
    static_cast<void>(lab->sent());

    for (unsigned number = 0; number < tuples; ++number) {
      const IpAddress to = ip(hosts[world.below(static_cast<unsigned>(hosts.size()))]);
      WireguardPeer* const receiver = owners[to];
      policy::Flow flow{.destination = {.address = to}, .protocol = world.protocol(), .port = world.port()};
      if (flow.protocol == policy::icmp && to.is_v6()) flow.protocol = 58;
      if (receiver != nullptr) flow.destination.peer = facts[receiver->id];
      // From a peer, with its own address or one behind it, or from a host inside.
      WireguardPeer* sender = world.chance(3) ? nullptr : &peers[world.below(peer_count)];
      IpAddress from;
      if (sender != nullptr) {
        from = to.is_v4() ? sender->v4 : sender->v6;
        flow.source = facts[sender->id];
      } else {
        from = to.is_v4() ? ip(world.chance(2) ? "10.2.0.1" : "10.0.0.77") : ip("2001:db8:2::1");
        flow.source.net = IpPrefix::host(from);
      }
      const Bytes bytes = packet(flow, from, seed * tuples + number);
      const policy::Decision expected =
          policy::oracle(images->policy(), images->endpoints, images->draining, flow, RandomWorld::now);
      const policy::Explanation explained =
          policy::explain(images->policy(), images->endpoints, flow, RandomWorld::now, images->draining);

      const std::string rule = name_of(expected.rule), audit = name_of(expected.audit_rule);
      const auto rule_before = images->counts(rule);
      const auto audit_before = images->counts(audit);
      if (sender != nullptr)
        lab->put_inner(*sender, bytes);
      else
        lab->put_packet(lan, bytes);
      const std::size_t left = lab->sent().size();
      const std::uint64_t refused =
          newly_dropped(expected.draining ? DropReason::endpoint_draining : DropReason::denied);
      const std::uint64_t looped = newly_dropped(DropReason::loop);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", tuple " + std::to_string(number) + ", rule '" + rule + "'");
      ASSERT_EQ(explained.decision.allowed, expected.allowed);
      ASSERT_EQ(name_of(explained.decision.rule), rule);
      ASSERT_EQ(name_of(explained.decision.audit_rule), audit);
      if (expected.allowed) {
        ASSERT_EQ(left + looped, 1U) << lab->drops();
        ASSERT_EQ(images->counts(rule).allowed_packets, rule_before.allowed_packets + 1);
        if (!audit.empty()) { ASSERT_EQ(images->counts(audit).denied_packets, audit_before.denied_packets + 1); }
      } else {
        ASSERT_EQ(refused, 1U) << lab->drops();
        ASSERT_EQ(left, 0U);
        ASSERT_EQ(images->counts(rule).denied_packets, rule_before.denied_packets + 1);
      }
      ++(expected.allowed ? allowed : denied);
      drained += expected.draining ? 1 : 0;
      audited += audit.empty() ? 0 : 1;
    }
    lab->advance(61 * second_ns);  // longer than any of these flows lives
    lab->advance(second_ns);
  }
  EXPECT_GT(allowed, 5000U);
  EXPECT_GT(denied, 5000U);
  EXPECT_GT(audited, 200U);
  EXPECT_GT(drained, 200U);
}

}  // namespace
}  // namespace sallyport::integration
