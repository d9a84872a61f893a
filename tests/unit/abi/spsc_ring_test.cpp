#include "dataplane/abi/spsc_ring.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::abi::spsc_ring_test {
namespace {

struct Slot {
  std::uint64_t value;
  std::array<std::uint8_t, 56> more;
};
using Ring = SpscRing<Slot, 8>;

class SpscRingTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ring> ring = std::make_unique<Ring>();
  RingProducer<Ring> producer{ring.get()};
  RingConsumer<Ring> consumer{ring.get()};
  Slot slot{};

  void push(std::uint64_t value) { ASSERT_EQ(producer.push(Slot{value, {}}), RingResult::ok); }
};

TEST_F(SpscRingTest, HandsSlotsOverInOrder) {
  EXPECT_TRUE(consumer.empty());
  EXPECT_EQ(consumer.pop(slot), RingResult::empty);
  for (std::uint64_t round = 0; round < 100; ++round) {
    for (std::uint64_t i = 0; i < 5; ++i) push(round * 5 + i);
    EXPECT_EQ(producer.backlog(), 5U);
    for (std::uint64_t i = 0; i < 5; ++i) {
      ASSERT_EQ(consumer.pop(slot), RingResult::ok);
      EXPECT_EQ(slot.value, round * 5 + i);
    }
  }
  EXPECT_EQ(producer.position(), 500U);
}

TEST_F(SpscRingTest, IsFullAtItsCapacityAndNotBefore) {
  for (std::uint64_t i = 0; i < 8; ++i) push(i);
  EXPECT_EQ(producer.push({}), RingResult::full);
  EXPECT_EQ(consumer.pop(slot), RingResult::ok);
  push(8);
  EXPECT_EQ(producer.push({}), RingResult::full);
}

// What a hostile consumer can write is `read`; what a hostile producer can write is `written` and the slots.
TEST_F(SpscRingTest, AProducerAcceptsNoImpossibleReadIndex) {
  for (const std::uint64_t hostile : {std::uint64_t{4}, std::uint64_t{1} << 63, ~std::uint64_t{0} - 8}) {
    RingProducer<Ring> fresh(ring.get());
    ring->read.store(0);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(fresh.push({}), RingResult::ok);
    ring->read.store(hostile);
    EXPECT_EQ(fresh.push({}), RingResult::broken) << hostile;
    EXPECT_GT(fresh.backlog(), Ring::slots_count);
  }
}

TEST_F(SpscRingTest, AConsumerAcceptsNoImpossibleWrittenIndex) {
  push(1);
  ASSERT_EQ(consumer.pop(slot), RingResult::ok);
  for (const std::uint64_t hostile : {std::uint64_t{0}, std::uint64_t{10}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    ring->written.store(hostile);
    EXPECT_EQ(consumer.pop(slot), RingResult::broken) << hostile;
  }
  ring->written.store(9);  // the most that can be there
  EXPECT_EQ(consumer.pop(slot), RingResult::ok);
}

TEST_F(SpscRingTest, NeverLeavesItsSlotsWhateverTheIndicesSay) {
  // Guard bytes around the ring, random indices: only slots may change, and nothing crashes.
  struct Guarded {
    std::array<std::uint8_t, 4096> before;
    Ring ring;
    std::array<std::uint8_t, 4096> after;
  };
  auto guarded = std::make_unique<Guarded>();
  guarded->before.fill(0x5a);
  guarded->after.fill(0x5a);
  std::mt19937_64 random(1);
  RingProducer<Ring> hostile_side_producer(&guarded->ring);
  RingConsumer<Ring> hostile_side_consumer(&guarded->ring);
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 4 == 0) guarded->ring.written.store(random() >> (random() % 64));
    if (random() % 4 == 0) guarded->ring.read.store(random() >> (random() % 64));
    (void)hostile_side_producer.push({});
    (void)hostile_side_consumer.pop(slot);
    hostile_side_producer.scrub(random() >> (random() % 64));
  }
  const auto untouched = [](std::uint8_t byte) { return byte == 0x5a; };
  EXPECT_TRUE(std::ranges::all_of(guarded->before, untouched));
  EXPECT_TRUE(std::ranges::all_of(guarded->after, untouched));
}

TEST_F(SpscRingTest, ScrubsASlotOnlyWhenItIsTheProducersAgain) {
  push(42);
  producer.scrub(0);
  EXPECT_EQ(ring->slots[0].value, 42U) << "the consumer has not taken it";
  ASSERT_EQ(consumer.pop(slot), RingResult::ok);
  EXPECT_EQ(ring->slots[0].value, 42U);
  producer.scrub(0);
  EXPECT_EQ(ring->slots[0].value, 0U);
  for (std::uint64_t i = 1; i <= 8; ++i) push(i);
  producer.scrub(0);
  EXPECT_EQ(ring->slots[0].value, 8U) << "written again since";
}

TEST_F(SpscRingTest, LosesAndRepeatsNothingBetweenTwoThreads) {
  constexpr std::uint64_t count = 200'000;
  std::thread other([&] {
    for (std::uint64_t i = 0; i < count;) {
      if (producer.push(Slot{i, {}}) == RingResult::ok)
        ++i;
      else
        std::this_thread::yield();
    }
  });
  for (std::uint64_t expected = 0; expected < count;) {
    const RingResult result = consumer.pop(slot);
    if (result == RingResult::empty) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(result, RingResult::ok);
    ASSERT_EQ(slot.value, expected++);
  }
  other.join();
}

}  // namespace
}  // namespace sallyport::abi::spsc_ring_test
