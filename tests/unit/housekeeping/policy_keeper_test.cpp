#include "dataplane/housekeeping/policy_keeper.hpp"

#include "config/base/clock.hpp"
#include "tests/unit/housekeeping/lab.hpp"

namespace sallyport::dataplane::policy_keeper_test {
namespace {

using abi::Refusal;

class PolicyKeeperTest : public Lab {
 protected:
  void SetUp() override {
    Lab::SetUp();
    keeper.emplace(*gateway->context, gateway->header,
                   abi::CommandLimits{.max_peers = 16, .max_sessions = 16, .max_classes = 64, .port_count = 2});
    rcu = static_cast<rte_rcu_qsbr*>(gateway->rcu);
  }
  void TearDown() override {
    keeper.reset();
    Lab::TearDown();
  }

  Refusal begin(std::uint64_t image, bool allow_all = false) {
    return keeper->begin({.image = image,
                          .generation = static_cast<std::uint32_t>(image * 10),
                          .allow_all = static_cast<std::uint8_t>(allow_all)});
  }
  Refusal commit(std::uint64_t image) { return keeper->commit({image}); }
  void put_in_force(std::uint64_t image) {
    ASSERT_EQ(begin(image), Refusal::none);
    ASSERT_EQ(commit(image), Refusal::none);
  }
  template <typename Piece, typename Element>
  static Piece piece(std::uint64_t image, std::uint32_t number, std::uint32_t total, std::uint32_t offset,
                     const std::vector<Element>& elements, auto Piece::*member) {
    Piece made{};
    made.image = image;
    made.number = number;
    made.total = total;
    made.offset = offset;
    made.count = static_cast<std::uint32_t>(elements.size());
    std::copy(elements.begin(), elements.end(), (made.*member).begin());
    return made;
  }
  static abi::SetDestinationClass services(std::uint64_t image, std::uint32_t number,
                                           const std::vector<std::uint32_t>& list, std::uint32_t total = 0,
                                           std::uint32_t offset = 0) {
    return piece(image, number, total != 0 ? total : static_cast<std::uint32_t>(list.size()), offset, list,
                 &abi::SetDestinationClass::services);
  }
  static abi::SetSourceClass row(std::uint64_t image, std::uint32_t number, const std::vector<abi::RowEntry>& list) {
    return piece(image, number, static_cast<std::uint32_t>(list.size()), 0, list, &abi::SetSourceClass::entries);
  }
  [[nodiscard]] Refusal set_address(std::uint64_t image, const char* at, std::uint32_t source_class,
                                    std::uint32_t destination_class = 0) {
    return keeper->set_address({.image = image,
                                .access = {.source_class = source_class},
                                .destination_class = destination_class,
                                .prefix = prefix(at)});
  }
  [[nodiscard]] Refusal set_peer(std::uint64_t image, const abi::Access& access, std::uint32_t destination_class = 0) {
    return keeper->set_peer_access({.image = image,
                                    .peer_id = peer_in_tunnel,
                                    .identity = 3,
                                    .access = access,
                                    .destination_class = destination_class});
  }
  [[nodiscard]] abi::Access steps(std::uint32_t first,
                                  std::vector<std::pair<std::uint64_t, std::uint32_t>> list) const {
    abi::Access access{.source_class = first};
    for (const auto& [seconds, next] : list)
      access.steps[access.step_count++] = {.not_after_ns = start_ns + seconds * second_ns, .next_class = next};
    return access;
  }
  void at_second(std::uint64_t second) {
    gateway->context->now_ns = start_ns + second * second_ns;
    keeper->poll();
  }

  [[nodiscard]] const PolicyImage& in_force() const { return *gateway->policy->in_force(); }
  [[nodiscard]] std::uint32_t epoch() const { return gateway->policy->epoch(); }
  [[nodiscard]] std::uint32_t peer_epoch(std::uint32_t peer = peer_in_tunnel) const {
    return gateway->peers[peer].access_epoch.load();
  }
  [[nodiscard]] std::uint32_t source_class_of_peer() const {
    return in_force().peers[peer_in_tunnel].source_class.load();
  }
  [[nodiscard]] const AddressAccess* found(const char* text) const {
    const IpAddress at = address(text);
    return in_force().addresses.load()->find(at.bytes.data(), at.is_v4());
  }
  [[nodiscard]] std::uint32_t source_class(const char* at) const {
    const AddressAccess* access = found(at);
    return access != nullptr ? access->source_class.load() : 0;
  }
  [[nodiscard]] std::uint32_t destination_class(const char* at) const {
    const AddressAccess* access = found(at);
    return access != nullptr ? access->destination_class.load() : 0;
  }
  [[nodiscard]] std::uint64_t shown_image() const { return gateway->header.policy_image.load(); }

  std::uint64_t start_ns = 1000 * second_ns;  // of LabGateway
  std::optional<PolicyKeeper> keeper;
  rte_rcu_qsbr* rcu = nullptr;
};

TEST_F(PolicyKeeperTest, PutsAnImageInForceAsAWhole) {
  EXPECT_EQ(gateway->policy->in_force(), nullptr);
  ASSERT_EQ(begin(1), Refusal::none);
  EXPECT_EQ(keeper->set_rule({.image = 1, .number = 2, .rank = 7, .action = abi::RuleAction::allow}), Refusal::none);
  EXPECT_EQ(keeper->set_service({.image = 1, .number = 3, .port_count = 1, .ports = {{{6, 80, 80}}}}), Refusal::none);
  EXPECT_EQ(keeper->set_source_class(row(1, 4, {{.service = 3, .rule = 2, .audit_rule = 0}})), Refusal::none);
  EXPECT_EQ(keeper->set_destination_class(services(1, 5, {3})), Refusal::none);
  EXPECT_EQ(set_address(1, "10.0.0.0/24", 0, 5), Refusal::none);
  EXPECT_EQ(set_peer(1, {.source_class = 4}), Refusal::none);
  keeper->poll();
  EXPECT_EQ(gateway->policy->in_force(), nullptr) << "not before the commit";
  EXPECT_EQ(shown_image(), 0U);
  const std::uint32_t before = epoch();
  ASSERT_EQ(commit(1), Refusal::none);
  EXPECT_NE(epoch(), before);
  EXPECT_EQ(shown_image(), 1U);
  EXPECT_EQ(gateway->header.policy_generation.load(), 10U);
  EXPECT_EQ(destination_class("10.0.0.9"), 5U);
  const auto decision = in_force().decide(source_class_of_peer(), destination_class("10.0.0.9"), 0, 6, 80);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.rule, 2U);
}

TEST_F(PolicyKeeperTest, RefusesWhatNamesNoImage) {
  EXPECT_EQ(commit(1), Refusal::no_such_image);
  ASSERT_EQ(begin(1), Refusal::none);
  EXPECT_EQ(keeper->set_rule({.image = 2, .number = 1}), Refusal::no_such_image);
  EXPECT_EQ(keeper->set_service({.image = 2, .number = 1}), Refusal::no_such_image);
  EXPECT_EQ(keeper->set_source_class(row(2, 1, {})), Refusal::no_such_image);
  EXPECT_EQ(keeper->remove_source_class({.image = 2, .number = 1}), Refusal::no_such_image);
  EXPECT_EQ(keeper->set_destination_class(services(2, 1, {})), Refusal::no_such_image);
  EXPECT_EQ(keeper->remove_destination_class({.image = 2, .number = 1}), Refusal::no_such_image);
  EXPECT_EQ(set_address(2, "10.0.0.0/8", 1), Refusal::no_such_image);
  EXPECT_EQ(keeper->remove_address({.image = 2, .prefix = prefix("10.0.0.0/8")}), Refusal::no_such_image);
  EXPECT_EQ(set_peer(2, {}), Refusal::no_such_image);
  EXPECT_EQ(commit(2), Refusal::no_such_image);
  ASSERT_EQ(commit(1), Refusal::none);
  ASSERT_EQ(begin(3), Refusal::none);
  ASSERT_EQ(commit(3), Refusal::none);
  EXPECT_EQ(set_peer(1, {}), Refusal::no_such_image) << "it was replaced";
}

TEST_F(PolicyKeeperTest, BeginsAnewOnlyWithAnotherImage) {
  ASSERT_EQ(begin(1), Refusal::none);
  ASSERT_EQ(keeper->set_destination_class(services(1, 5, {3})), Refusal::none);
  EXPECT_EQ(begin(1), Refusal::none);
  ASSERT_EQ(commit(1), Refusal::none);
  EXPECT_NE(in_force().destinations[5].load(), nullptr) << "a repeated begin lost nothing";
  EXPECT_EQ(begin(1), Refusal::none) << "nor does one for the image in force";
  EXPECT_EQ(commit(1), Refusal::none);
  EXPECT_NE(in_force().destinations[5].load(), nullptr);
  ASSERT_EQ(begin(2), Refusal::none);
  ASSERT_EQ(begin(3), Refusal::none);
  EXPECT_EQ(commit(2), Refusal::no_such_image) << "thrown away";
}

TEST_F(PolicyKeeperTest, RulesAndServicesDoNotChangeInForce) {
  put_in_force(1);
  EXPECT_EQ(keeper->set_rule({.image = 1, .number = 1}), Refusal::conflict);
  EXPECT_EQ(keeper->set_service({.image = 1, .number = 1}), Refusal::conflict);
}

TEST_F(PolicyKeeperTest, AnImageThatAllowsAllHasNothingElse) {
  ASSERT_EQ(begin(1, true), Refusal::none);
  EXPECT_EQ(keeper->set_source_class(row(1, 1, {})), Refusal::no_such_image);
  EXPECT_EQ(set_address(1, "10.0.0.0/8", 1), Refusal::no_such_image);
  EXPECT_EQ(set_peer(1, {.source_class = 1}), Refusal::no_such_image);
  ASSERT_EQ(commit(1), Refusal::none);
  EXPECT_TRUE(in_force().allow_all);
  keeper->forget_peer(peer_in_tunnel);
  keeper->poll();
}

TEST_F(PolicyKeeperTest, TakesAListInPieces) {
  put_in_force(1);
  EXPECT_EQ(keeper->set_destination_class(services(1, 5, {1, 2}, 5, 0)), Refusal::none);
  EXPECT_EQ(in_force().destinations[5].load(), nullptr) << "not before its last piece";
  EXPECT_EQ(keeper->set_destination_class(services(1, 5, {3, 4}, 5, 2)), Refusal::none);
  EXPECT_EQ(keeper->set_destination_class(services(1, 5, {9}, 5, 4)), Refusal::none);
  ASSERT_NE(in_force().destinations[5].load(), nullptr);
  EXPECT_EQ(*in_force().destinations[5].load(), (DestinationServices{1, 2, 3, 4, 9}));
  EXPECT_EQ(keeper->set_destination_class(services(1, 5, {})), Refusal::none);
  EXPECT_TRUE(in_force().destinations[5].load()->empty()) << "an empty list is one empty piece";
}

TEST_F(PolicyKeeperTest, RefusesListsWithGapsUntilTheyBeginAnew) {
  put_in_force(1);
  const auto take = [&](std::uint32_t number, std::vector<std::uint32_t> list, std::uint32_t offset) {
    return keeper->set_destination_class(services(1, number, list, 6, offset));
  };
  EXPECT_EQ(take(5, {3, 4}, 2), Refusal::bad_value) << "no beginning";
  EXPECT_EQ(take(5, {1, 2}, 0), Refusal::none);
  EXPECT_EQ(take(5, {5, 6}, 4), Refusal::bad_value) << "a piece is missing";
  EXPECT_EQ(take(5, {3, 4}, 2), Refusal::bad_value) << "too late";
  EXPECT_EQ(take(5, {1, 2}, 0), Refusal::none);
  EXPECT_EQ(take(6, {3, 4}, 2), Refusal::bad_value) << "of another list";
  EXPECT_EQ(take(5, {1, 2}, 0), Refusal::none);
  EXPECT_EQ(take(5, {1, 2}, 0), Refusal::none) << "begun anew";
  EXPECT_EQ(take(5, {3, 4}, 2), Refusal::none);
  EXPECT_EQ(take(5, {5, 6}, 4), Refusal::none);
  EXPECT_EQ(take(5, {1, 2}, 0), Refusal::none);
  EXPECT_EQ(take(5, {2, 3}, 2), Refusal::none);
  EXPECT_EQ(take(5, {4, 5}, 4), Refusal::bad_value) << "twice the same";
  EXPECT_EQ(take(5, {7, 8}, 0), Refusal::none);
  EXPECT_EQ(take(5, {1, 2}, 2), Refusal::none);
  EXPECT_EQ(take(5, {9, 10}, 4), Refusal::bad_value) << "each piece rises, but not the list";
  ASSERT_NE(in_force().destinations[5].load(), nullptr);
  EXPECT_EQ(in_force().destinations[5].load()->size(), 6U) << "the last good one";
}

TEST_F(PolicyKeeperTest, RowsRiseByServiceFromPieceToPiece) {
  put_in_force(1);
  const auto take = [&](std::uint32_t service, std::uint32_t offset) {
    return keeper->set_source_class(
        piece(1, 5, 2, offset, std::vector<abi::RowEntry>{{service, 0, 0}}, &abi::SetSourceClass::entries));
  };
  EXPECT_EQ(take(4, 0), Refusal::none);
  EXPECT_EQ(take(4, 1), Refusal::bad_value);
  EXPECT_EQ(take(4, 0), Refusal::none);
  EXPECT_EQ(take(abi::any_service, 1), Refusal::none);
  EXPECT_EQ(in_force().rows[5].load()->size(), 2U);
  EXPECT_EQ(keeper->remove_source_class({.image = 1, .number = 5}), Refusal::none);
  EXPECT_EQ(in_force().rows[5].load(), nullptr);
  EXPECT_EQ(keeper->remove_source_class({.image = 1, .number = 5}), Refusal::none) << "again";
}

TEST_F(PolicyKeeperTest, AChangeInPlaceMakesEveryFlowAskOnceATurn) {
  put_in_force(1);
  const std::uint32_t before = epoch();
  keeper->poll();
  EXPECT_EQ(epoch(), before) << "nothing changed";
  EXPECT_EQ(keeper->set_source_class(row(1, 5, {})), Refusal::none);
  EXPECT_EQ(keeper->set_destination_class(services(1, 5, {1})), Refusal::none);
  EXPECT_EQ(epoch(), before);
  keeper->poll();
  EXPECT_EQ(epoch(), before + 1);
  ASSERT_EQ(begin(2), Refusal::none);
  EXPECT_EQ(keeper->set_source_class(row(2, 5, {})), Refusal::none);
  EXPECT_EQ(set_address(2, "10.0.0.0/8", 1), Refusal::none);
  keeper->poll();
  EXPECT_EQ(epoch(), before + 1) << "what is being built is nobody's business yet";
}

TEST_F(PolicyKeeperTest, WhatIsReplacedStaysWhileAWorkerMayReadIt) {
  put_in_force(1);
  ASSERT_EQ(keeper->set_destination_class(services(1, 5, {1, 2, 3})), Refusal::none);
  keeper->poll();
  const std::size_t room = gateway->policy->room();
  rte_rcu_qsbr_thread_register(rcu, 0);
  rte_rcu_qsbr_thread_online(rcu, 0);
  const PolicyImage* image = gateway->policy->in_force();
  const DestinationServices* list = image->destinations[5].load();
  ASSERT_EQ(keeper->set_destination_class(services(1, 5, {4})), Refusal::none);
  put_in_force(2);
  keeper->poll();
  EXPECT_EQ(list->size(), 3U) << "still readable";
  EXPECT_EQ(image->image, 1U);
  EXPECT_EQ(gateway->policy->room(), room - 2);
  rte_rcu_qsbr_quiescent(rcu, 0);
  keeper->poll();
  EXPECT_EQ(gateway->policy->room(), room);
  rte_rcu_qsbr_thread_unregister(rcu, 0);
}

TEST_F(PolicyKeeperTest, HasNoRoomWhileTooMuchWaitsForAWorker) {
  put_in_force(1);
  rte_rcu_qsbr_thread_register(rcu, 0);
  rte_rcu_qsbr_thread_online(rcu, 0);
  unsigned replaced = 0;
  while (keeper->has_room() && replaced < 100'000) {
    ASSERT_EQ(keeper->set_destination_class(services(1, 5, {1})), Refusal::none);
    ++replaced;
  }
  EXPECT_GT(replaced, 1'000U);
  EXPECT_LT(replaced, 100'000U);
  rte_rcu_qsbr_quiescent(rcu, 0);
  keeper->poll();
  EXPECT_TRUE(keeper->has_room());
  rte_rcu_qsbr_thread_unregister(rcu, 0);
}

// --- peers ---

TEST_F(PolicyKeeperTest, APeersAccessChangesItsEpochAlone) {
  put_in_force(1);
  const std::uint32_t before = epoch(), peer_before = peer_epoch(), other = peer_epoch(8);
  EXPECT_EQ(set_peer(1, {.source_class = 9}, 4), Refusal::none);
  keeper->poll();
  EXPECT_EQ(source_class_of_peer(), 9U);
  EXPECT_EQ(in_force().peers[peer_in_tunnel].destination_class.load(), 4U);
  EXPECT_EQ(in_force().peers[peer_in_tunnel].identity.load(), 3U);
  EXPECT_EQ(epoch(), before);
  EXPECT_NE(peer_epoch(), peer_before);
  EXPECT_EQ(peer_epoch(8), other);
  ASSERT_EQ(begin(2), Refusal::none);
  const std::uint32_t now = peer_epoch();
  EXPECT_EQ(set_peer(2, {.source_class = 10}), Refusal::none);
  EXPECT_EQ(peer_epoch(), now) << "of an image that is not in force";
  EXPECT_EQ(source_class_of_peer(), 9U);
}

TEST_F(PolicyKeeperTest, RefusesAccessForAPeerThatDoesNotLive) {
  put_in_force(1);
  EXPECT_EQ(keeper->set_peer_access({.image = 1, .peer_id = 8, .identity = 0, .access = {.source_class = 1}}),
            Refusal::unknown_peer);
  EXPECT_EQ(in_force().peers[8].source_class.load(), 0U);
}

TEST_F(PolicyKeeperTest, APeersEpochIsNeverThatOfNoPeer) {
  put_in_force(1);
  gateway->peers[peer_in_tunnel].access_epoch.store(0xffffffff);
  EXPECT_EQ(set_peer(1, {.source_class = 9}), Refusal::none);
  EXPECT_EQ(peer_epoch(), 1U);
}

TEST_F(PolicyKeeperTest, AForgottenPeerIsNobodyInBothImages) {
  put_in_force(1);
  ASSERT_EQ(set_peer(1, steps(9, {{10, 8}}), 4), Refusal::none);
  ASSERT_EQ(begin(2), Refusal::none);
  ASSERT_EQ(set_peer(2, steps(7, {{10, 6}}), 4), Refusal::none);
  const std::uint32_t before = peer_epoch();
  keeper->forget_peer(peer_in_tunnel);
  EXPECT_NE(peer_epoch(), before);
  EXPECT_EQ(source_class_of_peer(), 0U);
  EXPECT_EQ(in_force().peers[peer_in_tunnel].destination_class.load(), 0U);
  at_second(11);
  EXPECT_EQ(source_class_of_peer(), 0U) << "its steps are gone with it";
  ASSERT_EQ(commit(2), Refusal::none);
  EXPECT_EQ(source_class_of_peer(), 0U);
}

// --- time ---

TEST_F(PolicyKeeperTest, AccessGoesFromStepToStepAtItsTime) {
  put_in_force(1);
  ASSERT_EQ(set_peer(1, steps(9, {{10, 8}, {20, 7}, {30, 0}})), Refusal::none);
  const std::uint32_t before = peer_epoch();
  at_second(9);
  EXPECT_EQ(source_class_of_peer(), 9U);
  EXPECT_EQ(peer_epoch(), before);
  at_second(10);
  EXPECT_EQ(source_class_of_peer(), 8U);
  EXPECT_EQ(peer_epoch(), before + 1);
  at_second(25);
  EXPECT_EQ(source_class_of_peer(), 7U);
  at_second(1000);
  EXPECT_EQ(source_class_of_peer(), 0U);
  EXPECT_EQ(peer_epoch(), before + 3);
  at_second(2000);
  EXPECT_EQ(peer_epoch(), before + 3);
}

TEST_F(PolicyKeeperTest, StepsThatWereSleptThroughAreTakenAtOnce) {
  put_in_force(1);
  ASSERT_EQ(set_peer(1, steps(9, {{10, 8}, {20, 7}, {30, 6}})), Refusal::none);
  at_second(29);
  EXPECT_EQ(source_class_of_peer(), 7U);
  ASSERT_EQ(set_peer(1, steps(9, {{10, 8}, {20, 7}})), Refusal::none);
  EXPECT_EQ(source_class_of_peer(), 7U) << "it came late";
  at_second(31);
  EXPECT_EQ(source_class_of_peer(), 7U) << "the former steps do not count any more";
}

TEST_F(PolicyKeeperTest, AnImageIsRightAtTheMomentOfItsCommit) {
  ASSERT_EQ(begin(1), Refusal::none);
  ASSERT_EQ(set_peer(1, steps(9, {{10, 8}})), Refusal::none);
  ASSERT_EQ(keeper->set_address({.image = 1, .access = steps(5, {{10, 4}}), .prefix = prefix("10.0.0.0/8")}),
            Refusal::none);
  gateway->context->now_ns = start_ns + 11 * second_ns;
  ASSERT_EQ(commit(1), Refusal::none);
  EXPECT_EQ(source_class_of_peer(), 8U);
  EXPECT_EQ(source_class("10.0.0.1"), 4U);
}

TEST_F(PolicyKeeperTest, AddressesHaveStepsToo) {
  put_in_force(1);
  ASSERT_EQ(keeper->set_address({.image = 1, .access = steps(5, {{10, 4}, {20, 0}}), .prefix = prefix("10.0.0.0/8")}),
            Refusal::none);
  at_second(1);
  EXPECT_EQ(source_class("10.0.0.1"), 5U);
  const std::uint32_t before = epoch();
  at_second(10);
  EXPECT_EQ(source_class("10.0.0.1"), 4U);
  EXPECT_EQ(epoch(), before + 1);
  ASSERT_EQ(keeper->remove_address({.image = 1, .prefix = prefix("10.0.0.0/8")}), Refusal::none);
  at_second(30);
  EXPECT_EQ(found("10.0.0.1"), nullptr);
}

// --- addresses ---

TEST_F(PolicyKeeperTest, MakesTheIndexAnewAtMostEveryFewMilliseconds) {
  put_in_force(1);
  at_second(1);
  ASSERT_EQ(set_address(1, "10.0.0.0/24", 5), Refusal::none);
  keeper->poll();
  EXPECT_EQ(source_class("10.0.0.1"), 5U);
  ASSERT_EQ(set_address(1, "10.0.1.0/24", 6), Refusal::none);
  const std::uint32_t before = epoch();
  keeper->poll();
  EXPECT_EQ(found("10.0.1.1"), nullptr) << "not yet";
  EXPECT_EQ(epoch(), before);
  ASSERT_EQ(set_address(1, "10.0.0.0/24", 7), Refusal::none);
  keeper->poll();
  EXPECT_EQ(source_class("10.0.0.1"), 7U) << "what is in the index changes at once";
  at_second(2);
  EXPECT_EQ(source_class("10.0.1.1"), 6U);
  EXPECT_EQ(epoch(), before + 2);
}

// What the index says between the removal of an entry and its next making.
TEST_F(PolicyKeeperTest, ARemovedAddressGivesWhatIsAroundItUntilTheIndexForgetsIt) {
  put_in_force(1);
  for (const auto& [at, number] :
       {std::pair{"10.0.0.0/8", 1U}, {"10.1.0.0/16", 2U}, {"10.1.1.1/32", 3U}, {"fd00::/8", 4U}, {"a00::/8", 5U}})
    ASSERT_EQ(set_address(1, at, number, number + 10), Refusal::none);
  at_second(1);
  const auto remove = [&](const char* at) {
    EXPECT_EQ(keeper->remove_address({.image = 1, .prefix = prefix(at)}), Refusal::none);
  };
  ASSERT_EQ(set_address(1, "192.0.2.0/24", 9), Refusal::none);
  keeper->poll();  // from now on the index waits for the next second
  remove("10.1.1.1/32");
  keeper->poll();
  EXPECT_EQ(source_class("10.1.1.1"), 2U);
  EXPECT_EQ(destination_class("10.1.1.1"), 12U);
  remove("10.1.0.0/16");
  EXPECT_EQ(source_class("10.1.1.1"), 1U) << "both are gone";
  EXPECT_EQ(source_class("10.1.9.9"), 1U);
  ASSERT_EQ(set_address(1, "10.0.0.0/8", 6, 16), Refusal::none);
  EXPECT_EQ(source_class("10.1.1.1"), 6U) << "what is around it changed";
  remove("10.0.0.0/8");
  EXPECT_EQ(source_class("10.1.1.1"), 0U);
  EXPECT_EQ(destination_class("10.200.0.1"), 0U);
  ASSERT_EQ(set_address(1, "10.1.1.1/32", 7, 17), Refusal::none);
  EXPECT_EQ(source_class("10.1.1.1"), 7U) << "it came back";
  EXPECT_EQ(source_class("fd00::1"), 4U);
  EXPECT_EQ(source_class("a01::1"), 5U) << "the same bytes in the other family";
  at_second(2);
  EXPECT_EQ(source_class("10.1.1.1"), 7U);
  EXPECT_EQ(found("10.1.9.9"), nullptr);
}

TEST_F(PolicyKeeperTest, RefusesClassesBeyondTheLimit) {
  ASSERT_EQ(begin(1), Refusal::none);
  EXPECT_EQ(keeper->set_destination_class(services(1, 63, {1})), Refusal::none);
  EXPECT_EQ(keeper->set_destination_class(services(1, 64, {1})), Refusal::no_such_image);
  EXPECT_EQ(keeper->set_source_class(row(1, 64, {})), Refusal::no_such_image);
}

}  // namespace
}  // namespace sallyport::dataplane::policy_keeper_test
