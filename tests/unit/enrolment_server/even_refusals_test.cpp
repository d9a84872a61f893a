#include "controlplane/enrolment/even_refusals.hpp"

#include <string>

#include <gtest/gtest.h>

namespace sallyport::controlplane::even_refusals_test {
namespace {

using namespace std::chrono_literals;

TEST(EvenRefusals, ComeAfterTheSameTimeHoweverLongTheyTook) {
  EvenRefusals refusals;
  std::string order;
  EXPECT_FALSE(refusals.next());
  EXPECT_TRUE(refusals.hold(10s, 10s + 90ms, [&] { order += 'a'; }));
  EXPECT_TRUE(refusals.hold(10s + 1ms, 10s + 1ms, [&] { order += 'b'; }));
  EXPECT_TRUE(refusals.hold(10s, 10s + 150ms, [&] { order += 'c'; }));
  EXPECT_EQ(*refusals.next(), 10s + 100ms);
  refusals.release(10s + 99ms);
  EXPECT_EQ(order, "");
  refusals.release(10s + 100ms);
  EXPECT_EQ(order, "a");
  refusals.release(10s + 101ms);
  EXPECT_EQ(order, "ab");
  EXPECT_EQ(*refusals.next(), 10s + 200ms);
  refusals.release(11s);
  EXPECT_EQ(order, "abc");
  EXPECT_FALSE(refusals.next());
}

TEST(EvenRefusals, AreBounded) {
  EvenRefusals refusals;
  for (std::size_t i = 0; i < EvenRefusals::held_max; ++i) EXPECT_TRUE(refusals.hold(0s, 0s, [] {}));
  EXPECT_FALSE(refusals.hold(0s, 0s, [] {}));
  refusals.release(1s);
  EXPECT_TRUE(refusals.hold(1s, 1s, [] {}));
}

TEST(EvenRefusals, MayBringTheNextOneWithThem) {
  EvenRefusals refusals;
  bool second = false;
  EXPECT_TRUE(refusals.hold(0s, 0s, [&] { EXPECT_TRUE(refusals.hold(1s, 1s, [&] { second = true; })); }));
  refusals.release(1s);
  EXPECT_FALSE(second);
  refusals.release(2s);
  EXPECT_TRUE(second);
}

}  // namespace
}  // namespace sallyport::controlplane::even_refusals_test
