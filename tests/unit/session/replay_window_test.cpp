#include "dataplane/session/replay_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace sallyport::dataplane::replay_window_test {
namespace {

// The statement in words: every counter once, not behind the newest by more than the window, not beyond the limit.
class SlowReplayWindow {
 public:
  [[nodiscard]] bool would_accept(std::uint64_t counter) const {
    if (counter >= ReplayWindow::reject_after_messages) return false;
    if (seen_.empty()) return true;
    if (counter < newest_ && newest_ - counter > ReplayWindow::window_counters) return false;
    return !seen_.contains(counter);
  }
  bool accept(std::uint64_t counter) {
    if (!would_accept(counter)) return false;
    seen_.insert(counter);
    newest_ = std::max(newest_, counter);
    if (newest_ > ReplayWindow::window_counters)
      seen_.erase(seen_.begin(), seen_.lower_bound(newest_ - ReplayWindow::window_counters));
    return true;
  }
  [[nodiscard]] std::uint64_t newest() const { return newest_; }

 private:
  std::set<std::uint64_t> seen_;
  std::uint64_t newest_ = 0;
};

void expect_agreement(const std::vector<std::uint64_t>& counters) {
  ReplayWindow window;
  SlowReplayWindow oracle;
  for (const std::uint64_t counter : counters) {
    ASSERT_EQ(window.would_accept(counter), oracle.would_accept(counter)) << counter << " newest " << oracle.newest();
    ASSERT_EQ(window.accept(counter), oracle.accept(counter)) << counter << " newest " << oracle.newest();
    ASSERT_EQ(window.newest(), oracle.newest());
    ASSERT_FALSE(window.would_accept(counter));
  }
}

TEST(ReplayWindow, AcceptsEachCounterOnce) {
  ReplayWindow window;
  EXPECT_TRUE(window.empty());
  for (std::uint64_t counter : {0U, 1U, 9U, 8U, 7U}) {
    EXPECT_TRUE(window.accept(counter));
    EXPECT_FALSE(window.would_accept(counter));
    EXPECT_FALSE(window.accept(counter));
  }
  EXPECT_FALSE(window.empty());
  EXPECT_EQ(window.newest(), 9U);
}

TEST(ReplayWindow, ReachesBack8128CountersAndNotOneMore) {
  // Every alignment of the newest counter within a word and around the ring.
  for (std::uint64_t newest = 8129; newest < 8129 + 2 * 8192; ++newest) {
    ReplayWindow window;
    ASSERT_TRUE(window.accept(newest));
    ASSERT_TRUE(window.would_accept(newest - 8128));
    ASSERT_FALSE(window.would_accept(newest - 8129));
    ASSERT_TRUE(window.accept(newest - 8128));
    ASSERT_FALSE(window.accept(newest - 8128));
    ASSERT_FALSE(window.accept(newest - 8129));
    ASSERT_EQ(window.newest(), newest);
  }
}

TEST(ReplayWindow, ReachesBackToZeroWhileYoung) {
  ReplayWindow window;
  EXPECT_TRUE(window.accept(8128));
  EXPECT_TRUE(window.accept(0));
  EXPECT_FALSE(window.accept(0));
  EXPECT_TRUE(window.accept(8129));
  EXPECT_TRUE(window.accept(1));
}

TEST(ReplayWindow, AskingChangesNothing) {
  ReplayWindow window;
  ASSERT_TRUE(window.accept(100));
  EXPECT_TRUE(window.would_accept(1'000'000));
  EXPECT_TRUE(window.would_accept(1'000'000));
  EXPECT_EQ(window.newest(), 100U);
  EXPECT_TRUE(window.accept(99));
}

TEST(ReplayWindow, AJumpForgetsNothingInsideAndKeepsNothingStale) {
  for (const std::uint64_t jump : {1U, 63U, 64U, 65U, 4096U, 8063U, 8064U, 8065U, 8127U, 8128U, 8129U, 8191U, 8192U,
                                   8193U, 8256U, 16384U, 100'000U}) {
    ReplayWindow window;
    SlowReplayWindow oracle;
    for (std::uint64_t counter = 0; counter < 9000; counter += 1 + counter % 3) {
      ASSERT_TRUE(window.accept(counter));
      oracle.accept(counter);
    }
    const std::uint64_t newest = window.newest() + jump;
    ASSERT_TRUE(window.accept(newest));
    ASSERT_TRUE(oracle.accept(newest));
    for (std::uint64_t counter = 0; counter <= newest + 1; ++counter)
      ASSERT_EQ(window.would_accept(counter), oracle.would_accept(counter)) << counter << " after a jump of " << jump;
  }
}

TEST(ReplayWindow, RefusesTheRejectLimitAndWorksRightBelow) {
  constexpr std::uint64_t limit = ReplayWindow::reject_after_messages;
  static_assert(limit == 18'446'744'073'709'543'423U);  // 2^64 - 2^13 - 1
  ReplayWindow window;
  EXPECT_TRUE(window.accept(5));
  for (const std::uint64_t counter : {limit, limit + 1, limit + 8128, ~0UL - 1, ~0UL}) {
    EXPECT_FALSE(window.would_accept(counter));
    EXPECT_FALSE(window.accept(counter));
  }
  EXPECT_EQ(window.newest(), 5U);
  EXPECT_TRUE(window.accept(limit - 1));
  EXPECT_FALSE(window.accept(limit - 1));
  EXPECT_FALSE(window.accept(limit));
  EXPECT_TRUE(window.accept(limit - 1 - 8128));
  EXPECT_FALSE(window.accept(limit - 1 - 8129));
  EXPECT_FALSE(window.accept(5));
}

TEST(ReplayWindow, ResetIsEmpty) {
  ReplayWindow window;
  for (std::uint64_t counter = 0; counter < 20'000; ++counter) ASSERT_TRUE(window.accept(counter));
  window.reset();
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.newest(), 0U);
  for (std::uint64_t counter = 0; counter < 200; ++counter) ASSERT_TRUE(window.accept(counter));
}

TEST(ReplayWindow, AgreesWithTheOracleInOrderReorderedAndWithDuplicates) {
  std::mt19937_64 random(6479);
  for (const std::size_t depth : {1U, 2U, 64U, 1000U, 8128U, 9000U}) {
    std::vector<std::uint64_t> counters;
    for (std::uint64_t counter = 0; counter < 30'000; ++counter) {
      if (random() % 10 != 0) counters.push_back(counter);
      if (random() % 10 == 0) counters.push_back(counter);
    }
    for (std::size_t begin = 0; begin < counters.size(); begin += depth)
      std::shuffle(counters.begin() + static_cast<std::ptrdiff_t>(begin),
                   counters.begin() + static_cast<std::ptrdiff_t>(std::min(begin + depth, counters.size())), random);
    expect_agreement(counters);
  }
}

TEST(ReplayWindow, AgreesWithTheOracleOnRandomJumps) {
  std::mt19937_64 random(8192);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> counters;
    // Some rounds start close below the limit, and run into it.
    std::uint64_t newest = round % 5 == 0 ? ReplayWindow::reject_after_messages - 300'000 : random() % 10'000;
    for (int i = 0; i < 4000; ++i) {
      switch (random() % 8) {
        case 0:
          newest += random() % 20'000;
          break;
        case 1:
          newest += 8100 + random() % 200;
          break;
        case 2:
          newest += random() % 130;
          break;
        default:
          newest += 1;
          break;
      }
      newest = std::min(newest, ReplayWindow::reject_after_messages + 10);
      counters.push_back(newest);
      counters.push_back(newest - std::min(newest, random() % 9000));
      counters.push_back(newest - std::min(newest, 8120 + random() % 16));
    }
    expect_agreement(counters);
  }
}

}  // namespace
}  // namespace sallyport::dataplane::replay_window_test
