// Two workers, driven in turns. A session's replay window belongs to one of them; its packets may arrive at either.
#include <random>

#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"
#include "tests/integration/traffic.hpp"

namespace sallyport::integration {
namespace {

class Workers : public IntegrationTest {
 protected:
  void SetUp() override { start({.workers = 2, .queues = 2}); }

  bool put(std::optional<std::uint64_t> counter, unsigned queue) {
    const Bytes message = lab->ann.seal(udp_packet(lab->ann.v4, ip("10.0.0.7"), 20), counter);
    return lab->put_message(lab->ann.endpoint, message, 0, queue);
  }
  [[nodiscard]] std::uint16_t owner() const {
    return lab->gateway->tables().sessions.find_open(lab->ann.gateway_index)->owner_worker.load();
  }
  // Worker w polls queue (w - first_worker) of each device; on the underlay the numbers are the same.
  static constexpr unsigned queue_of(std::uint16_t worker) { return worker; }
  // As threads that are online, so that grace periods need their quiescent states.
  void go_online() {
    for (const unsigned id : {0U, 1U}) {
      rte_rcu_qsbr_thread_register(rcu(), id);
      rte_rcu_qsbr_thread_online(rcu(), id);
    }
  }
  void quiesce(unsigned id) { rte_rcu_qsbr_quiescent(rcu(), id); }
  void go_offline() {
    for (const unsigned id : {0U, 1U}) {
      rte_rcu_qsbr_thread_offline(rcu(), id);
      rte_rcu_qsbr_thread_unregister(rcu(), id);
    }
  }
  [[nodiscard]] rte_rcu_qsbr* rcu() { return lab->gateway->tables().rcu; }
};

TEST_F(Workers, HandPacketsToTheOwnerOfTheirSession) {
  const std::uint16_t first = owner();
  put({}, queue_of(first));
  EXPECT_EQ(lab->sent().size(), 1U);
  EXPECT_EQ(lab->counter(Counter::handed_over), 0U);
  put({}, queue_of(1 - first));
  EXPECT_EQ(lab->sent().size(), 1U);
  EXPECT_EQ(lab->counter(Counter::handed_over), 1U);
  EXPECT_EQ(owner(), first) << "one packet is no reason to move";
}

TEST_F(Workers, AcceptAPacketOnceWhereverItArrives) {
  for (std::uint64_t counter = 0; counter < 50; ++counter)
    for (const unsigned queue : {0U, 1U, 0U}) put(counter, queue);
  EXPECT_EQ(lab->sent().size(), 50U);
  EXPECT_EQ(lab->dropped(DropReason::replayed), 100U);
}

TEST_F(Workers, MoveASessionToWhereItsPacketsArrive) {
  const std::uint16_t first = owner(), second = static_cast<std::uint16_t>(1 - first);
  for (int i = 0; i < 20; ++i) put({}, queue_of(second));
  EXPECT_EQ(lab->sent().size(), 20U);
  lab->advance(300 * millisecond_ns);
  EXPECT_EQ(owner(), second);
  const std::uint64_t handed_over = lab->counter(Counter::handed_over);
  for (int i = 0; i < 20; ++i) put({}, queue_of(second));
  EXPECT_EQ(lab->sent().size(), 20U);
  EXPECT_EQ(lab->counter(Counter::handed_over), handed_over) << "nothing to hand over any more";
  put(5, queue_of(second));
  EXPECT_TRUE(lab->sent().empty()) << "the window moved along";
}

TEST_F(Workers, LoseNothingAndAcceptNothingTwiceWhileASessionMoves) {
  const std::uint16_t first = owner(), second = static_cast<std::uint16_t>(1 - first);
  for (int i = 0; i < 20; ++i) put({}, queue_of(second));
  EXPECT_EQ(lab->sent().size(), 20U);
  go_online();
  lab->advance(300 * millisecond_ns);
  EXPECT_EQ(owner(), dataplane::owner_moving) << "the old owner may still be in the middle of a burst";
  for (std::uint64_t counter = 100; counter < 140; ++counter) {
    put(counter, 0);
    put(counter, 1);
  }
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 80U);
  quiesce(first);
  EXPECT_TRUE(lab->sent().empty()) << "not yet";
  quiesce(second);
  EXPECT_EQ(lab->sent().size(), 40U);
  EXPECT_EQ(lab->dropped(DropReason::replayed), 40U);
  EXPECT_EQ(owner(), second);
  go_offline();
}

TEST_F(Workers, MayLoseASessionThatIsMoving) {
  const std::uint16_t second = static_cast<std::uint16_t>(1 - owner());
  for (int i = 0; i < 20; ++i) put({}, queue_of(second));
  EXPECT_EQ(lab->sent().size(), 20U);
  go_online();
  lab->advance(300 * millisecond_ns);
  for (std::uint64_t counter = 100; counter < 110; ++counter) put(counter, 0);
  lab->control->push(abi::RetireSession{.index = lab->ann.gateway_index, .session_id = lab->ann.session_id});
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::unknown_session), 10U);
  quiesce(0);
  quiesce(1);
  lab->settle();
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 0U);
  go_offline();
}

TEST_F(Workers, KeepCountersApartWhenTwoOfThemSealForOneSession) {
  for (int i = 0; i < 100; ++i) lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20), i % 2);
  std::set<std::uint64_t> counters;
  for (const Frame& frame : lab->sent()) {
    const auto data = lab->ann.open(datagram_of(payload_of(frame.bytes))->payload);
    ASSERT_TRUE(data);
    EXPECT_TRUE(counters.insert(data->counter).second) << "never the same nonce twice";
  }
  EXPECT_EQ(counters.size(), 100U);
}

TEST_F(Workers, BounceASessionBackAndForthWithoutALoss) {
  abi::InstallSession lasting = lab->new_session(lab->ann, abi::HandshakeRole::initiator);
  lasting.rules.reject_after_s = 86'400;  // however slow the machine is
  lab->control->push(lasting);
  lab->settle();
  static_cast<void>(lab->sent());
  std::uint64_t expected = 0;
  std::uint64_t counter = 0;
  std::size_t delivered = 0;
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    const unsigned queue = static_cast<unsigned>(round / 10 % 2);
    for (int i = 0; i < 10; ++i) {
      put(counter, queue);
      if (random() % 4 == 0) put(counter - random() % 5 % (counter + 1), 1 - queue);  // replays on the other one
      ++counter;
      ++expected;
    }
    if (round % 5 == 4) lab->advance(260 * millisecond_ns);
    for (const Frame& frame : lab->sent()) delivered += frame.device == lan ? 1 : 0;  // not a keepalive
  }
  EXPECT_EQ(delivered, expected) << lab->drops();
  EXPECT_GT(lab->counter(Counter::handed_over), 100U);
}

TEST_F(Workers, AccountForTrafficOfEveryKind) {
  RandomTraffic traffic(*lab, 77);
  for (unsigned i = 0; i < 6000; ++i) {
    if (!traffic.put_one(2)) lab->settle();
    if (i % 83 == 0) lab->turn();
    if (i % 499 == 0) lab->advance(300 * millisecond_ns);
  }
  lab->settle();
  EXPECT_GT(lab->counter(Counter::handed_over), 100U) << lab->drops();
}

// A device with one queue: one worker has it, the other one's packets go by way of the first.
class OneQueue : public Workers {
 protected:
  void SetUp() override { start({.workers = 2, .queues = 1}); }
};

TEST_F(OneQueue, SendsThroughWhoeverOwnsTheTransmitQueue) {
  for (int i = 0; i < 10; ++i) put({}, 0);
  EXPECT_EQ(lab->sent().size(), 10U);
  for (int i = 0; i < 10; ++i) lab->put_packet(lan, udp_packet(ip("10.0.0.7"), lab->ann.v4, 20));
  EXPECT_EQ(lab->sent().size(), 10U);
  EXPECT_GE(lab->counter(Counter::handed_over), 20U);
  EXPECT_EQ(lab->all_dropped(), 0U) << lab->drops();
}

}  // namespace
}  // namespace sallyport::integration
