#include "dataplane/session/replay_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace sallyport::dataplane::replay_window_test {
namespace {

constexpr std::uint64_t widest = ReplayWindow::widest;
constexpr std::uint64_t greatest = ~0ULL - 1;  // that a window takes

// The statement in words: every counter once, not behind the newest by more than the window.
class SlowReplayWindow {
 public:
  explicit SlowReplayWindow(std::uint64_t width = widest) : width_(width) {}
  [[nodiscard]] bool would_accept(std::uint64_t counter) const {
    if (seen_.empty()) return true;
    if (counter < newest_ && newest_ - counter > width_) return false;
    return !seen_.contains(counter);
  }
  bool accept(std::uint64_t counter) {
    if (!would_accept(counter)) return false;
    seen_.insert(counter);
    newest_ = std::max(newest_, counter);
    if (newest_ > width_) seen_.erase(seen_.begin(), seen_.lower_bound(newest_ - width_));
    return true;
  }
  [[nodiscard]] std::uint64_t newest() const { return newest_; }

 private:
  std::uint64_t width_;
  std::set<std::uint64_t> seen_;
  std::uint64_t newest_ = 0;
};

ReplayWindow window_of(std::uint64_t width) {
  ReplayWindow window;
  window.reset(width);
  return window;
}

void expect_agreement(const std::vector<std::uint64_t>& counters, std::uint64_t width) {
  ReplayWindow window = window_of(width);
  SlowReplayWindow oracle(width);
  for (const std::uint64_t counter : counters) {
    ASSERT_EQ(window.would_accept(counter), oracle.would_accept(counter)) << counter << " newest " << oracle.newest();
    ASSERT_EQ(window.accept(counter), oracle.accept(counter)) << counter << " newest " << oracle.newest();
    ASSERT_EQ(window.newest(), oracle.newest());
    ASSERT_FALSE(window.would_accept(counter));
  }
}

TEST(ReplayWindow, AcceptsEachCounterOnce) {
  ReplayWindow window = window_of(widest);
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
    ReplayWindow window = window_of(widest);
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
  ReplayWindow window = window_of(widest);
  EXPECT_TRUE(window.accept(8128));
  EXPECT_TRUE(window.accept(0));
  EXPECT_FALSE(window.accept(0));
  EXPECT_TRUE(window.accept(8129));
  EXPECT_TRUE(window.accept(1));
}

TEST(ReplayWindow, AskingChangesNothing) {
  ReplayWindow window = window_of(widest);
  ASSERT_TRUE(window.accept(100));
  EXPECT_TRUE(window.would_accept(1'000'000));
  EXPECT_TRUE(window.would_accept(1'000'000));
  EXPECT_EQ(window.newest(), 100U);
  EXPECT_TRUE(window.accept(99));
}

TEST(ReplayWindow, AJumpForgetsNothingInsideAndKeepsNothingStale) {
  for (const std::uint64_t jump : {1U, 63U, 64U, 65U, 4096U, 8063U, 8064U, 8065U, 8127U, 8128U, 8129U, 8191U, 8192U,
                                   8193U, 8256U, 16384U, 100'000U}) {
    ReplayWindow window = window_of(widest);
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

TEST(ReplayWindow, CountsToTheEndWithoutWrapping) {
  ReplayWindow window = window_of(widest);
  EXPECT_TRUE(window.accept(5));
  EXPECT_TRUE(window.accept(greatest));
  EXPECT_FALSE(window.accept(greatest));
  EXPECT_TRUE(window.accept(greatest - widest));
  EXPECT_FALSE(window.accept(greatest - widest - 1));
  EXPECT_FALSE(window.accept(5));
  EXPECT_FALSE(window.accept(0));
}

TEST(ReplayWindow, ReachesBackAsFarAsItWasMade) {
  for (const std::uint64_t width : {0U, 1U, 64U, 100U, 4096U}) {
    ReplayWindow window = window_of(width);
    ASSERT_TRUE(window.accept(10'000));
    if (width != 0) { EXPECT_TRUE(window.accept(10'000 - width)); }
    EXPECT_FALSE(window.would_accept(10'000 - width - 1)) << width;
  }
}

TEST(ReplayWindow, ZeroedMemoryAcceptsWhatIsNewAlone) {
  ReplayWindow window;
  EXPECT_TRUE(window.accept(7));
  EXPECT_FALSE(window.accept(6));
  EXPECT_TRUE(window.accept(8));
}

TEST(ReplayWindow, ResetIsEmpty) {
  ReplayWindow window = window_of(widest);
  for (std::uint64_t counter = 0; counter < 20'000; ++counter) ASSERT_TRUE(window.accept(counter));
  window.reset(widest);
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
    for (const std::uint64_t width : {std::uint64_t{64}, std::uint64_t{1000}, widest})
      expect_agreement(counters, width);
  }
}

TEST(ReplayWindow, AgreesWithTheOracleOnRandomJumps) {
  std::mt19937_64 random(8192);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> counters;
    // Some rounds start close below the end, and run into it.
    std::uint64_t newest = round % 5 == 0 ? greatest - 300'000 : random() % 10'000;
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
      newest = std::min(newest, greatest);
      counters.push_back(newest);
      counters.push_back(newest - std::min(newest, random() % 9000));
      counters.push_back(newest - std::min(newest, 8120 + random() % 16));
    }
    for (const std::uint64_t width : {std::uint64_t{64}, std::uint64_t{1000}, widest})
      expect_agreement(counters, width);
  }
}

}  // namespace
}  // namespace sallyport::dataplane::replay_window_test
