#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "controlplane/publisher/publisher.hpp"
#include "tests/unit/controlplane/fake_dataplane.hpp"

namespace sallyport::controlplane::publisher_policy_test {
namespace {

using abi::CommandKind;
using testing::FakeDataplane;
constexpr std::uint64_t second = 1'000'000'000;

abi::SetRule rule(std::uint32_t number) {
  abi::SetRule message{};
  message.number = number;
  message.rank = number;
  message.action = abi::RuleAction::allow;
  return message;
}

abi::SetService service(std::uint32_t number) {
  abi::SetService message{};
  message.number = number;
  message.port_count = 1;
  message.ports[0] = {6, 80, 80};
  return message;
}

std::vector<abi::RowEntry> row(std::uint32_t entries, std::uint32_t rule_number = 1) {
  std::vector<abi::RowEntry> list;
  for (std::uint32_t i = 1; i <= entries; ++i) list.push_back({i, rule_number, 0});
  return list;
}

abi::SetPeerAccess access(std::uint32_t peer_id, std::uint32_t source_class, std::uint32_t destination_class = 0) {
  abi::SetPeerAccess message{};
  message.peer_id = peer_id;
  message.identity = peer_id;
  message.access.source_class = source_class;
  message.destination_class = destination_class;
  return message;
}

abi::SetAddress address(const char* prefix, std::uint32_t source_class, std::uint32_t destination_class) {
  abi::SetAddress message{};
  message.prefix = *IpPrefix::parse(prefix);
  message.access.source_class = source_class;
  message.destination_class = destination_class;
  return message;
}

DesiredPolicy small_policy(std::uint32_t generation = 1) {
  DesiredPolicy policy;
  policy.generation = generation;
  policy.rules[1] = rule(1);
  policy.services[1] = service(1);
  policy.source_classes[1] = row(1);
  policy.destination_classes[1] = {1};
  policy.addresses[*IpPrefix::parse("10.20.0.0/24")] = address("10.20.0.0/24", 0, 1);
  policy.peers[0] = access(0, 1);
  return policy;
}

class PublisherPolicyTest : public ::testing::Test {
 protected:
  PublisherPolicyTest() {
    DesiredState state;
    state.tunnels[0] = {testing::tunnel_command(), "wg0"};
    for (std::uint32_t id = 0; id < 3; ++id) state.peers[id] = peer(id, static_cast<std::uint8_t>(id + 1));
    publisher.set_desired(state);
  }
  static Named<abi::SetPeer> peer(std::uint32_t id, std::uint8_t key) {
    abi::SetPeer message{};
    message.peer_id = id;
    message.key.fill(key);
    return {message, "peer-" + std::to_string(id)};
  }
  void connect() { publisher.connect(dataplane.command_ring(), dataplane.applied_sequence()); }
  // `most` commands are applied in each turn.
  void settle(std::size_t most = ~std::size_t{0}) {
    for (int turn = 0; turn < 5000; ++turn) {
      const auto pumped = publisher.pump(now);
      const std::size_t applied = dataplane.apply(most);
      abi::Event event;
      while (dataplane.pop_event(event)) {
        abi::CommandRefused refused;
        const bool lost = abi::read_payload(event, refused) && publisher.on_refused(refused, now);
        EXPECT_FALSE(lost);
      }
      if (pumped == Publisher::Pumped::nothing && applied == 0 && publisher.pending() == 0) return;
    }
    FAIL() << "the publisher never comes to rest";
  }
  std::size_t count(CommandKind kind) const {
    return static_cast<std::size_t>(std::count(dataplane.log.begin(), dataplane.log.end(), kind));
  }

  std::uint64_t now = second;
  FakeDataplane dataplane;
  Publisher publisher{{}, 100};
};

TEST_F(PublisherPolicyTest, StagesAnImageAfterPeersAndBeforeTheEndOfTheSynchronisation) {
  publisher.set_policy(small_policy());
  connect();
  EXPECT_FALSE(publisher.policy_committed());
  settle();
  const std::vector expected = {CommandKind::begin_sync,       CommandKind::set_tunnel,
                                CommandKind::set_peer,         CommandKind::set_peer,
                                CommandKind::set_peer,         CommandKind::begin_policy,
                                CommandKind::set_rule,         CommandKind::set_service,
                                CommandKind::set_source_class, CommandKind::set_destination_class,
                                CommandKind::set_address,      CommandKind::set_peer_access,
                                CommandKind::commit_policy,    CommandKind::end_sync};
  EXPECT_EQ(dataplane.log, expected);
  EXPECT_EQ(dataplane.policy.number, publisher.policy().image);
  EXPECT_TRUE(publisher.policy_committed());
  EXPECT_TRUE(publisher.synchronised());
  EXPECT_EQ(dataplane.policy.source_classes.at(1).size(), 1U);
}

TEST_F(PublisherPolicyTest, AllowsEverythingWithTwoCommands) {
  DesiredPolicy policy;
  policy.generation = 1;
  policy.allow_all = true;
  publisher.set_policy(std::move(policy));
  connect();
  settle();
  EXPECT_EQ(dataplane.policy.begin.allow_all, 1);
  EXPECT_EQ(count(CommandKind::begin_policy), 1U);
  EXPECT_EQ(count(CommandKind::commit_policy), 1U);
  EXPECT_TRUE(dataplane.policy.rules.empty());
}

TEST_F(PublisherPolicyTest, SendsLongListsInPiecesAndGoesOnWhereTheRingWasFull) {
  DesiredPolicy policy = small_policy();
  policy.source_classes[1] = row(40'000);
  policy.source_classes[2] = row(40'000, 2);
  policy.destination_classes[2].resize(500);
  for (std::uint32_t i = 0; i < 500; ++i) policy.destination_classes[2][i] = i + 1;
  publisher.set_policy(policy);
  connect();
  EXPECT_EQ(publisher.pump(now), Publisher::Pumped::sent);
  EXPECT_EQ(publisher.pump(now), Publisher::Pumped::nothing) << "its share of the ring is full";
  settle(7);  // again and again in the middle of a list
  EXPECT_EQ(dataplane.policy.source_classes.at(1).size(), 40'000U);
  EXPECT_EQ(dataplane.policy.source_classes.at(2).back().rule, 2U);
  EXPECT_EQ(dataplane.policy.destination_classes.at(2), policy.destination_classes[2]);
}

TEST_F(PublisherPolicyTest, SendsTheChangeOfAnImageAlone) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  dataplane.log.clear();
  publisher.set_source_class(2, row(3));
  publisher.set_peer_access(access(1, 2));
  publisher.set_peer_access(access(0, 1));  // as it is
  publisher.set_address(address("10.30.0.0/16", 0, 1));
  publisher.remove_address(*IpPrefix::parse("10.20.0.0/24"));
  settle();
  EXPECT_EQ(dataplane.log, (std::vector{CommandKind::set_source_class, CommandKind::set_peer_access,
                                        CommandKind::set_address, CommandKind::remove_address}));
  EXPECT_EQ(dataplane.policy.peers.at(1).access.source_class, 2U);
  EXPECT_FALSE(publisher.policy_settled() && publisher.pending() != 0);
}

TEST_F(PublisherPolicyTest, ReplacesAnImageByANewOne) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  const std::uint64_t first = dataplane.policy.number;
  DesiredPolicy next = small_policy(2);
  next.peers.clear();
  publisher.set_policy(std::move(next));
  EXPECT_FALSE(publisher.policy_committed());
  settle();
  EXPECT_GT(dataplane.policy.number, first);
  EXPECT_EQ(dataplane.policy.begin.generation, 2U);
  EXPECT_TRUE(dataplane.policy.peers.empty());
}

TEST_F(PublisherPolicyTest, LetsOpenConnectionsBecomeFlowsOnlyWhereNoneWereKept) {
  publisher.set_policy(small_policy());
  publisher.connect(dataplane.command_ring(), dataplane.applied_sequence(), Publisher::Flows::lost);
  settle();
  EXPECT_NE(dataplane.policy.begin.pick_up_s, 0) << "a dataplane that has just started";
  publisher.set_policy(small_policy(2));
  settle();
  EXPECT_EQ(dataplane.policy.begin.pick_up_s, 0) << "an edit";
  DesiredPolicy everything;
  everything.generation = 3;
  everything.allow_all = true;
  publisher.set_policy(std::move(everything));
  settle();
  publisher.set_policy(small_policy(4));
  settle();
  EXPECT_NE(dataplane.policy.begin.pick_up_s, 0) << "after a time in which everything was allowed";
}

TEST_F(PublisherPolicyTest, DropsWhatWaitsOfAnImageThatIsReplacedBeforeItWasSent) {
  connect();
  settle();
  for (std::uint32_t generation = 1; generation <= 50; ++generation) publisher.set_policy(small_policy(generation));
  EXPECT_LT(publisher.pending(), 20U);
  settle();
  EXPECT_EQ(dataplane.policy.begin.generation, 50U);
  EXPECT_EQ(count(CommandKind::begin_policy), 1U);
}

TEST_F(PublisherPolicyTest, AClassGoesAheadOfAPeerThatGetsItWhileTheImageIsStaged) {
  connect();
  settle();
  publisher.set_policy(small_policy());
  publisher.set_source_class(7, row(2));  // behind the commit in the queue
  publisher.set_destination_class(8, {1});
  publisher.set_peer_access(access(0, 7, 8));  // whose first sending is before the commit
  settle();
  EXPECT_EQ(dataplane.policy.peers.at(0).access.source_class, 7U) << "the model checks that the class was there";
  EXPECT_EQ(count(CommandKind::set_source_class), 2U) << "and nothing is sent twice";
}

TEST_F(PublisherPolicyTest, RestartsAListThatChangesWhileItIsHalfSent) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  publisher.set_source_class(5, row(60'000));
  publisher.set_source_class(6, row(60'000));
  (void)publisher.pump(now);
  publisher.set_source_class(6, row(10, 3));
  settle(50);
  EXPECT_EQ(dataplane.policy.source_classes.at(5).size(), 60'000U);
  EXPECT_EQ(dataplane.policy.source_classes.at(6).size(), 10U);
}

TEST_F(PublisherPolicyTest, RemovesClassesAndForgetsRemovalsThatWereUndone) {
  publisher.set_policy(small_policy());
  connect();
  publisher.set_source_class(2, row(2));
  settle();
  dataplane.log.clear();
  publisher.remove_source_class(2);
  publisher.set_source_class(2, row(3));
  settle();
  EXPECT_EQ(dataplane.log, (std::vector{CommandKind::set_source_class}));
  EXPECT_EQ(dataplane.policy.source_classes.at(2).size(), 3U);
  publisher.remove_source_class(2);
  settle();
  EXPECT_FALSE(dataplane.policy.source_classes.contains(2));
}

TEST_F(PublisherPolicyTest, SendsTheAccessOfAPeerAgainWhoseIdHasANewOwner) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  publisher.set_peer(peer(0, 77));  // takes the access of the former owner with it
  publisher.set_peer_access(access(0, 1));
  settle();
  EXPECT_EQ(dataplane.peers.at(0).key[0], 77);
  EXPECT_TRUE(dataplane.policy.peers.contains(0));
  publisher.remove_peer(0);
  settle();
  EXPECT_FALSE(publisher.policy().peers.contains(0));
  EXPECT_FALSE(dataplane.peers.contains(0));
}

TEST_F(PublisherPolicyTest, TheFormerOwnerOfAnIdNeverHasTheAccessOfTheNext) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  dataplane.log.clear();
  publisher.set_policy(small_policy(2));  // staged, and not sent yet
  publisher.set_peer(peer(0, 77));
  publisher.set_peer_access(access(0, 1));
  settle(1);
  const auto owner = std::find(dataplane.log.begin(), dataplane.log.end(), CommandKind::set_peer);
  const auto right = std::find(dataplane.log.begin(), dataplane.log.end(), CommandKind::set_peer_access);
  EXPECT_LT(owner, right);
  EXPECT_EQ(dataplane.policy.peers.at(0).access.source_class, 1U);
}

TEST_F(PublisherPolicyTest, StagesUnderAnotherNumberOnEachLink) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  const std::uint64_t first = dataplane.policy.number;
  publisher.disconnect();
  dataplane.reconnect();
  connect();
  settle();
  EXPECT_GT(dataplane.policy.number, first) << "leftovers of the image before are gone with it";
}

TEST_F(PublisherPolicyTest, TakesRefusalsOfAnOutdatedImageAsNormal) {
  publisher.set_policy(small_policy());
  connect();
  settle();
  dataplane.refuse = [](const abi::Command& command) {
    return command.header.kind == CommandKind::set_address ? abi::Refusal::no_such_image : abi::Refusal::none;
  };
  publisher.set_address(address("10.30.0.0/16", 0, 1));
  settle();
  EXPECT_TRUE(publisher.problems().empty());
}

TEST_F(PublisherPolicyTest, StagesAnewWhenTheImageWasRefused) {
  bool stubborn = true;
  dataplane.refuse = [&](const abi::Command& command) {
    return stubborn && command.header.kind == CommandKind::begin_policy ? abi::Refusal::table_full : abi::Refusal::none;
  };
  publisher.set_policy(small_policy());
  connect();
  settle();
  EXPECT_FALSE(publisher.problems().empty());
  EXPECT_EQ(publisher.problems()[0].what, "policy generation 1");
  stubborn = false;
  now += 5 * second;
  settle();
  EXPECT_EQ(dataplane.policy.number, publisher.policy().image);
  now += 5 * second;
  settle();
  EXPECT_TRUE(publisher.problems().empty());
}

TEST_F(PublisherPolicyTest, ShowsAndRetriesARefusedPart) {
  bool stubborn = true;
  dataplane.refuse = [&](const abi::Command& command) {
    return stubborn && command.header.kind == CommandKind::set_rule ? abi::Refusal::table_full : abi::Refusal::none;
  };
  publisher.set_policy(small_policy());
  connect();
  settle();
  ASSERT_EQ(publisher.problems().size(), 1U);
  EXPECT_EQ(publisher.problems()[0].what, "policy rule number 1");
  stubborn = false;
  now += 5 * second;
  settle();
  now += 2 * second;
  settle();
  EXPECT_TRUE(publisher.problems().empty());
  EXPECT_TRUE(dataplane.policy.rules.contains(1));
}

TEST_F(PublisherPolicyTest, AddsAndRemovesSinglePeersWithTheirRoutes) {
  connect();
  settle();
  dataplane.log.clear();
  publisher.set_peer(peer(9, 9));
  abi::SetRoute route{};
  route.prefix = *IpPrefix::parse("10.8.0.9/32");
  route.route_kind = abi::RouteKind::peer;
  route.peer_id = 9;
  publisher.set_route({route, "of 9"});
  publisher.set_route({route, "of 9"});
  settle();
  EXPECT_EQ(dataplane.log, (std::vector{CommandKind::set_peer, CommandKind::set_route}));
  publisher.remove_route(route.prefix);
  publisher.remove_peer(9);
  settle();
  EXPECT_FALSE(dataplane.peers.contains(9));
  EXPECT_TRUE(dataplane.routes.empty());
}

}  // namespace
}  // namespace sallyport::controlplane::publisher_policy_test
