#include "dataplane/io/queue_plan.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sallyport::dataplane::queue_plan_test {
namespace {

TEST(QueuePlan, GivesEachWorkerATransmitQueueWhereThereAreEnough) {
  const QueuePlan plan = QueuePlan::choose({.rx_queues = 2, .workers = 4, .max_rx_queues = 16, .max_tx_queues = 16});
  EXPECT_EQ(plan.rx_queues, 2);
  EXPECT_EQ(plan.tx_queues, 4);
  std::set<std::uint16_t> queues;
  for (std::uint16_t worker = 0; worker < 4; ++worker) {
    queues.insert(plan.tx_queue_of_worker(worker));
    EXPECT_EQ(plan.tx_worker_for(worker), worker);
  }
  EXPECT_EQ(queues.size(), 4U);
}

TEST(QueuePlan, NeverSharesATransmitQueue) {
  for (std::uint16_t workers = 1; workers <= 8; ++workers)
    for (std::uint16_t max_tx = 1; max_tx <= 8; ++max_tx)
      for (std::uint16_t first = 0; first < workers; ++first) {
        const QueuePlan plan = QueuePlan::choose({.workers = workers, .first_worker = first, .max_tx_queues = max_tx});
        std::set<std::uint16_t> queues;
        for (std::uint16_t worker = 0; worker < workers; ++worker) {
          const std::uint16_t queue = plan.tx_queue_of_worker(worker);
          const std::uint16_t carrier = plan.tx_worker_for(worker);
          ASSERT_NE(plan.tx_queue_of_worker(carrier), no_queue);
          if (queue == no_queue) continue;
          EXPECT_LT(queue, plan.tx_queues);
          EXPECT_TRUE(queues.insert(queue).second) << "two owners";
          EXPECT_EQ(carrier, worker);
        }
        EXPECT_EQ(queues.size(), plan.tx_queues) << "every queue has an owner";
      }
}

TEST(QueuePlan, StartsEachDeviceAtAnotherWorker) {
  const QueuePlan plan = QueuePlan::choose({.workers = 2, .first_worker = 5});
  EXPECT_EQ(plan.worker_of_rx_queue(0), 1);
  EXPECT_EQ(plan.worker_of_rx_queue(1), 0);
}

TEST(QueuePlan, TakesWhatTheDeviceHas) {
  const QueuePlan plan = QueuePlan::choose({.rx_queues = 8, .workers = 4, .max_rx_queues = 2, .max_tx_queues = 3});
  EXPECT_EQ(plan.rx_queues, 2);
  EXPECT_EQ(plan.tx_queues, 3);
  EXPECT_EQ(plan.tx_queue_of_worker(3), no_queue);
  EXPECT_EQ(plan.tx_worker_for(3), 0);
}

TEST(QueuePlan, PollsEverySocketOfAfPacket) {
  const QueuePlan plan = QueuePlan::choose({.rx_queues = 1,
                                            .workers = 2,
                                            .max_rx_queues = 4,
                                            .max_tx_queues = 4,
                                            .traits = DriverTraits::of("net_af_packet")});
  EXPECT_EQ(plan.rx_queues, 4);
  EXPECT_EQ(plan.tx_queues, 4);
}

TEST(QueuePlan, PairsQueuesWhereTheDriverInsists) {
  for (const char* driver : {"net_tap", "net_memif", "net_virtio_user", "net_bonding", "net_ring"}) {
    const QueuePlan plan = QueuePlan::choose(
        {.rx_queues = 2, .workers = 4, .max_rx_queues = 16, .max_tx_queues = 16, .traits = DriverTraits::of(driver)});
    EXPECT_EQ(plan.rx_queues, 2) << driver;
    EXPECT_EQ(plan.tx_queues, 2) << driver;
  }
  EXPECT_FALSE(DriverTraits::of("net_ixgbe").queue_pairs);
  EXPECT_TRUE(DriverTraits::of("net_bonding").needs_idle_tx);
  EXPECT_TRUE(DriverTraits::of("net_virtio").partial_checksums);
}

TEST(QueuePlan, SurvivesNonsense) {
  const QueuePlan plan = QueuePlan::choose({.rx_queues = 0, .workers = 0, .max_rx_queues = 0, .max_tx_queues = 0});
  EXPECT_EQ(plan.rx_queues, 1);
  EXPECT_EQ(plan.tx_queues, 1);
  EXPECT_EQ(plan.tx_queue_of_worker(0), 0);
}

}  // namespace
}  // namespace sallyport::dataplane::queue_plan_test
