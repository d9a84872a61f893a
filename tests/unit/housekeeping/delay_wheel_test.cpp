#include "dataplane/stages/delay_wheel.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sallyport::dataplane::delay_wheel_test {
namespace {

constexpr std::uint64_t hz = 2'000'000'000, millisecond = hz / 1000;

class DelayWheelTest : public testing::Test {
 protected:
  // Numbers of the packets that come out by then.
  std::vector<std::size_t> due(std::uint64_t now) {
    std::vector<std::size_t> out;
    wheel.release_due(now, [&](Packet* packet) { out.push_back(static_cast<std::size_t>(packet - packets.data())); });
    return out;
  }

  std::vector<Packet> packets = std::vector<Packet>(DelayWheel::max_packets + 1);
  DelayWheel wheel{hz};
  std::uint64_t start = 1'000'000 * millisecond;
};

TEST_F(DelayWheelTest, GivesPacketsBackWhenTheyAreDueAndInTheirOrder) {
  for (std::size_t i = 0; i < 50; ++i) ASSERT_TRUE(wheel.hold(&packets[i], start + i * millisecond, start));
  std::vector<std::size_t> out;
  for (std::uint64_t now = start; now <= start + 50 * millisecond; now += millisecond / 10) {
    for (const std::size_t number : due(now)) {
      EXPECT_EQ(number, out.size());
      EXPECT_LE(now, start + number * millisecond + millisecond / 10) << "not late";
      EXPECT_GE(now + millisecond / 2, start + number * millisecond) << "early by a tick at most";
      EXPECT_EQ(packets[number].next, nullptr);
      out.push_back(number);
    }
  }
  EXPECT_EQ(out.size(), 50U);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST_F(DelayWheelTest, GivesEverythingBackToAWorkerThatSleptLong) {
  for (std::size_t i = 0; i < 50; ++i) ASSERT_TRUE(wheel.hold(&packets[i], start + i * millisecond, start));
  EXPECT_EQ(due(start + 10'000 * millisecond).size(), 50U);
  ASSERT_TRUE(wheel.hold(&packets[0], start + 10'020 * millisecond, start + 10'000 * millisecond));
  EXPECT_TRUE(due(start + 10'010 * millisecond).empty());
  EXPECT_EQ(due(start + 10'020 * millisecond).size(), 1U);
}

TEST_F(DelayWheelTest, HoldsNoMoreThanItsBound) {
  for (std::size_t i = 0; i < DelayWheel::max_packets; ++i)
    ASSERT_TRUE(wheel.hold(&packets[i], start + millisecond, start));
  EXPECT_FALSE(wheel.hold(&packets.back(), start + millisecond, start));
  unsigned given = 0;
  wheel.release_all([&](Packet*) { ++given; });
  EXPECT_EQ(given, DelayWheel::max_packets);
  EXPECT_TRUE(wheel.hold(&packets.back(), start + millisecond, start));
  EXPECT_EQ(due(start + millisecond), std::vector<std::size_t>{DelayWheel::max_packets});
}

TEST_F(DelayWheelTest, KeepsTheOrderOfEachRateAtRandomTimes) {
  std::mt19937_64 random(5);
  std::uint64_t now = start;
  std::size_t held = 0, given = 0, last = 0;
  std::uint64_t conforms_at = now;
  while (held < 2000) {
    now += random() % (2 * millisecond);
    for (const std::size_t number : due(now)) {
      EXPECT_GE(number, last) << "one rate: in its order";
      last = number;
      ++given;
    }
    conforms_at = std::max(conforms_at, now) + random() % millisecond;
    if (conforms_at - now > 50 * millisecond) continue;
    ASSERT_TRUE(wheel.hold(&packets[held++], conforms_at, now));
  }
  given += due(now + 60 * millisecond).size();
  EXPECT_EQ(given, held);
}

}  // namespace
}  // namespace sallyport::dataplane::delay_wheel_test
