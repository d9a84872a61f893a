#include "controlplane/trust/fetch_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sallyport::controlplane::fetch_schedule_test {
namespace {

using namespace std::chrono_literals;

constexpr policy::TimePoint start{std::chrono::seconds(1'800'000'000)};
constexpr FetchSchedule::Intervals intervals{.refresh = 300s, .retry = 15s, .unknown_key = 10s};

std::chrono::seconds wait_until_due(FetchSchedule& schedule, policy::TimePoint now) {
  auto wait = 0s;
  while (!schedule.due(now + wait) && wait < 10'000s) wait += 1s;
  return wait;
}

TEST(FetchSchedule, IsDueAtFirstAndThenRegularlyWithASpread) {
  std::chrono::seconds least = 10'000s, most = 0s;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    FetchSchedule schedule(intervals, seed * 7'919'000'001ULL);
    EXPECT_TRUE(schedule.due(start));
    schedule.on_good(start);
    const auto wait = wait_until_due(schedule, start);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, 240s);
  EXPECT_LT(least, 250s);
  EXPECT_GT(most, 350s);
  EXPECT_LE(most, 360s);
}

TEST(FetchSchedule, TriesAgainSoonAndThenEverLater) {
  FetchSchedule schedule(intervals, 1);
  auto now = start;
  for (const auto interval : {15s, 30s, 60s, 120s, 240s, 300s, 300s, 300s, 300s, 300s, 300s, 300s}) {
    schedule.on_failed(now);
    const auto wait = wait_until_due(schedule, now);
    EXPECT_GE(wait, interval * 8 / 10);
    EXPECT_LE(wait, interval * 12 / 10);
    now += wait;
  }
  schedule.on_good(now);
  schedule.on_failed(now);
  EXPECT_LE(wait_until_due(schedule, now), 18s) << "what was good begins anew";
}

TEST(FetchSchedule, DoesNotWaitForAClockThatWasSetBack) {
  FetchSchedule schedule(intervals, 1);
  schedule.on_good(start);
  EXPECT_LE(wait_until_due(schedule, start - 24h), 18s);
}

TEST(FetchSchedule, HurriesForAnUnknownKeyEveryTenSeconds) {
  FetchSchedule schedule(intervals, 1);
  EXPECT_TRUE(schedule.may_hurry(start));
  schedule.on_started(start);
  EXPECT_FALSE(schedule.may_hurry(start + 9s));
  EXPECT_TRUE(schedule.may_hurry(start + 10s));
  EXPECT_TRUE(schedule.may_hurry(start - 1h)) << "the clock was set back";
}

}  // namespace
}  // namespace sallyport::controlplane::fetch_schedule_test
