#include <gtest/gtest.h>

#include "controlplane/kubernetes/backoff.hpp"
#include "controlplane/kubernetes/line_splitter.hpp"
#include "controlplane/kubernetes/service_name.hpp"
#include "controlplane/kubernetes/watch_timing.hpp"

namespace sallyport::controlplane::small_parts_test {
namespace {

using namespace std::chrono_literals;
using Time = Backoff::Time;

std::vector<std::string> lines_of(LineSplitter& splitter, std::initializer_list<std::string_view> pieces) {
  std::vector<std::string> lines;
  for (const std::string_view piece : pieces)
    EXPECT_TRUE(splitter.feed(piece, [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    }));
  return lines;
}

TEST(LineSplitter, FindsTheSameLinesHoweverTheStreamIsCut) {
  LineSplitter whole(8), cut(8);
  const std::vector<std::string> expected{"one", "", "two 2"};
  EXPECT_EQ(lines_of(whole, {"one\n\ntwo 2\nth"}), expected);
  EXPECT_EQ(lines_of(cut, {"o", "ne", "\n", "\nt", "wo 2", "", "\nth"}), expected);
  EXPECT_TRUE(whole.has_half_a_line());
  whole.clear();
  EXPECT_FALSE(whole.has_half_a_line());
}

TEST(LineSplitter, RefusesALineBeyondItsBoundAndNoOther) {
  const auto go_on = [](std::string_view) { return true; };
  EXPECT_TRUE(LineSplitter(8).feed("12345678\n12345678", go_on));
  EXPECT_FALSE(LineSplitter(8).feed("123456789\n", go_on));
  LineSplitter splitter(8);
  EXPECT_TRUE(splitter.feed("12345", go_on));
  EXPECT_FALSE(splitter.feed("6789", go_on));
}

TEST(LineSplitter, StopsAtTheLineThatIsRefused) {
  LineSplitter splitter(8);
  int seen = 0;
  EXPECT_FALSE(splitter.feed("a\nb\nc\n", [&](std::string_view line) {
    ++seen;
    return line != "b";
  }));
  EXPECT_EQ(seen, 2);
}

TEST(Backoff, DoublesFromTwoTenthsOfASecondToThirtySeconds) {
  Backoff backoff(1);
  auto whole = 200ms;
  for (int i = 0; i < 20; ++i) {
    const auto wait = backoff.failed(Time(1s));
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
    whole = std::min<std::chrono::milliseconds>(whole * 2, 30s);
  }
}

TEST(Backoff, BeginsAnewAfterAGoodMinuteAndNotBefore) {
  Backoff backoff(1);
  for (int i = 0; i < 6; ++i) (void)backoff.failed(Time(1s));
  backoff.succeeded(Time(10s));
  backoff.succeeded(Time(60s));
  EXPECT_GT(backoff.failed(Time(69s)), 6s);
  backoff.succeeded(Time(100s));
  EXPECT_LE(backoff.failed(Time(160s)), 200ms);
}

TEST(Backoff, LetsTheFirstExpiryGoFreeAndNoneAfterIt) {
  Backoff backoff(1);
  EXPECT_EQ(backoff.failed_once_free(Time(1s)), 0ms);
  EXPECT_GT(backoff.failed_once_free(Time(1s)), 0ms);
}

TEST(Backoff, GivesTwoGatewaysDifferentWaits) {
  Backoff one(1'000'000'007), other = one.with_seed(2'000'000'011);
  EXPECT_NE(one.failed(Time(1s)), other.failed(Time(1s)));
}

TEST(WatchTiming, HearsTwiceBeforeItWouldBeStaleAndNoticesSilenceByThen) {
  for (const auto stale_after : {1s, 2s, 3s, 5s, 10s, 60s, 300s, 600s, 86400s}) {
    const WatchTiming timing = WatchTiming::of(stale_after);
    EXPECT_GE(timing.watch_for, 1s);
    EXPECT_LE(timing.watch_for, 290s);
    EXPECT_LE(2 * timing.watch_for, timing.stale_after);
    EXPECT_GE(timing.silence_most, timing.watch_for + 1s);
    EXPECT_LE(timing.silence_most, timing.stale_after);
  }
  EXPECT_EQ(WatchTiming::of(5s).watch_for, 2s);
  EXPECT_EQ(WatchTiming::of(300s).watch_for, 150s);
}

TEST(ServiceName, IsTwoDnsLabels) {
  for (const char* good : {"shop/backend", "a/b", "0-1/x-2"}) EXPECT_TRUE(is_service_name(good)) << good;
  for (const char* bad :
       {"", "/", "shop", "shop/", "/b", "a/b/c", "A/b", "a/b_c", "../b", "-a/b", "a-/b", "a/b?c", "a b/c"})
    EXPECT_FALSE(is_service_name(bad)) << bad;
}

}  // namespace
}  // namespace sallyport::controlplane::small_parts_test
