#include "controlplane/differences.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/fake_dataplane.hpp"

namespace sallyport::controlplane::differences_test {
namespace {

using testing::FakeDataplane;
constexpr std::uint64_t second = 1'000'000'000;

class DifferencesTest : public ::testing::Test {
 protected:
  DifferencesTest() {
    desired_.tunnels[0] = {testing::tunnel_command(), "wg0"};
    for (std::uint32_t id = 0; id < 3; ++id) {
      abi::SetPeer peer{};
      peer.peer_id = id;
      peer.key.fill(static_cast<std::uint8_t>(id + 1));
      desired_.peers[id] = {peer, "peer-" + std::to_string(id)};
      abi::SetRoute route{};
      route.prefix = prefix(id);
      route.route_kind = abi::RouteKind::peer;
      route.peer_id = id;
      desired_.routes[route.prefix] = {route, route.prefix.to_string()};
      abi::SetPeerAccess access{};
      access.peer_id = id;
      access.access.source_class = 1;
      policy_.peers[id] = access;
    }
    policy_.generation = 1;
    policy_.source_classes[1] = {};
    abi::SetAddress address{};
    address.prefix = *IpPrefix::parse("10.20.0.0/24");
    policy_.addresses[address.prefix] = address;
    publisher_.set_desired(desired_);
    publisher_.set_policy(policy_);
    publisher_.connect(dataplane_.command_ring(), dataplane_.applied_sequence());
    indices_.reset(128);
    settle();
  }
  static IpPrefix prefix(std::uint32_t id) {
    return IpPrefix::host(IpAddress::v4(10, 8, 0, static_cast<std::uint8_t>(id + 2)));
  }
  void settle() {
    for (int turn = 0; turn < 100; ++turn) {
      (void)publisher_.pump(now_);
      if (dataplane_.apply() == 0 && publisher_.pending() == 0) return;
    }
    FAIL() << "never at rest";
  }
  // Seconds pass; the dataplane writes its totals in each.
  void look(unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
      now_ += second;
      dataplane_.publish_totals();
      dataplane_.header().updated_at_ns = now_ - second / 2;
      differences_.look(publisher_, indices_, dataplane_.statistics(), now_);
    }
  }
  [[nodiscard]] bool says(const std::string& what) const {
    const auto problems = differences_.problems();
    return std::any_of(problems.begin(), problems.end(), [&](const Problem& one) { return one.what == what; });
  }
  // Some looks until it is seen (the first after a change has nothing to compare with), then until it is over.
  void expect_that_status_says(const std::string& what) {
    look(Differences::looks_needed + 2);
    EXPECT_TRUE(says(what)) << what;
  }

  std::uint64_t now_ = second;
  FakeDataplane dataplane_;
  DesiredState desired_;
  DesiredPolicy policy_;
  SessionIndices indices_{[](std::span<std::uint8_t> bytes) { std::ranges::fill(bytes, std::uint8_t{7}); }};
  Publisher publisher_{{.complete_peer = nullptr, .on_install_refused = [](auto, auto, auto) {}}, 100};
  Differences differences_;
};

TEST_F(DifferencesTest, SayNothingOfWhatIsAsItShouldBe) {
  look(10);
  for (const Problem& problem : differences_.problems()) ADD_FAILURE() << problem.what << ": " << problem.why;
}

TEST_F(DifferencesTest, SayThatARouteIsMissing) {
  dataplane_.routes.erase(prefix(1));
  look(1);
  EXPECT_FALSE(says("routes")) << "it may be on its way";
  expect_that_status_says("routes");
  publisher_.resynchronise();
  settle();
  look(3);
  EXPECT_FALSE(says("routes")) << "it is there again";
}

// A refusal is told by name; it must not hide what else is missing.
TEST_F(DifferencesTest, SayThatARouteIsMissingBesideOneThatWasRefused) {
  dataplane_.refuse = [](const abi::Command& command) {
    abi::SetRoute route;
    return abi::read_payload(command, route) && route.prefix == prefix(1) ? abi::Refusal::conflict : abi::Refusal::none;
  };
  dataplane_.routes.erase(prefix(1));
  publisher_.resynchronise();
  settle();
  abi::Event event;
  while (dataplane_.pop_event(event))
    if (abi::CommandRefused refused; abi::read_payload(event, refused)) (void)publisher_.on_refused(refused, now_);
  ASSERT_EQ(publisher_.problems().size(), 1U);
  look(Differences::looks_needed + 2);
  EXPECT_FALSE(says("routes")) << "the refused one";
  dataplane_.routes.erase(prefix(2));
  look(Differences::looks_needed + 2);
  EXPECT_TRUE(says("routes"));
}

TEST_F(DifferencesTest, SayThatARouteLeadsToAnother) {
  dataplane_.routes.at(prefix(1)).peer_id = 2;
  expect_that_status_says("routes");
}

TEST_F(DifferencesTest, SayThatAPeerIsMissingOrAnother) {
  dataplane_.publish_peer(1, {});
  abi::PeerStatusValue other{};
  other.live = 1;
  dataplane_.publish_peer(2, other);
  look(Differences::looks_needed);
  EXPECT_TRUE(says("peer peer-1"));
  EXPECT_TRUE(says("peer peer-2"));
  EXPECT_FALSE(says("peer peer-0"));
  abi::PeerStatusValue right{};
  right.live = 1;
  right.key.fill(2);
  dataplane_.publish_peer(1, right);
  look(1);
  EXPECT_FALSE(says("peer peer-1"));
  EXPECT_TRUE(says("peer peer-2"));
}

TEST_F(DifferencesTest, SayThatThereAreTooManyPeers) {
  dataplane_.peers[9] = {};
  expect_that_status_says("peers");
}

TEST_F(DifferencesTest, SayThatAnInterfaceIsMissingOrAnother) {
  dataplane_.tunnels.at(0).mtu = 1280;
  expect_that_status_says("interfaces");
}

TEST_F(DifferencesTest, SayThatASessionIsNobodys) {
  abi::SessionStatusValue status{};
  status.state = abi::SessionState::current;
  status.index = 0x105;
  status.session_id = 5;
  dataplane_.publish_session(5, status);
  look(Differences::session_rounds + Differences::looks_needed);
  EXPECT_TRUE(says("session " + hex(std::uint32_t{0x105})));
  dataplane_.publish_session(5, {});
  look(1);
  EXPECT_FALSE(says("session " + hex(std::uint32_t{0x105})));
}

TEST_F(DifferencesTest, SayThatPartsOfThePolicyAreMissing) {
  dataplane_.policy.peers.erase(1);
  dataplane_.policy.addresses.clear();
  dataplane_.policy.source_classes.clear();
  expect_that_status_says("policy accesses of peers");
  EXPECT_TRUE(says("policy addresses"));
  EXPECT_TRUE(says("policy source classes"));
  dataplane_.header().policy_image = 1;
  expect_that_status_says("policy");
}

TEST_F(DifferencesTest, WaitWhileChangesAreOnTheirWay) {
  for (int i = 0; i < 10; ++i) {
    publisher_.remove_route(prefix(i % 2 == 0 ? 1 : 2));
    (void)publisher_.pump(now_);  // sent, not applied
    look(1);
  }
  EXPECT_FALSE(says("routes"));
}

}  // namespace
}  // namespace sallyport::controlplane::differences_test
