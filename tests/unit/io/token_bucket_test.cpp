#include "dataplane/io/token_bucket.hpp"

#include <gtest/gtest.h>

namespace sallyport::dataplane::token_bucket_test {
namespace {

std::uint64_t taken(TokenBucket& bucket, std::uint64_t now_ns, std::uint64_t tries) {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < tries; ++i) count += bucket.take(now_ns) ? 1 : 0;
  return count;
}

TEST(TokenBucket, LetsABurstThroughAndThenTheRate) {
  TokenBucket bucket(20'000, 512);
  const std::uint64_t start = 77 * second_ns;
  EXPECT_EQ(taken(bucket, start, 10'000), 512U);
  EXPECT_EQ(taken(bucket, start + second_ns / 20'000, 10), 1U);
  EXPECT_EQ(taken(bucket, start + second_ns / 20'000, 10), 0U);
}

TEST(TokenBucket, KeepsTheRateOverALongTime) {
  TokenBucket bucket(1'000, 10);
  std::uint64_t count = 0;
  for (std::uint64_t now = second_ns; now < 11 * second_ns; now += 100'000) count += taken(bucket, now, 3);
  EXPECT_GE(count, 10'000U);
  EXPECT_LE(count, 10'010U);
}

TEST(TokenBucket, SavesNoMoreThanItsBurst) {
  TokenBucket bucket(1'000, 10);
  EXPECT_EQ(taken(bucket, 1'000 * second_ns, 1'000), 10U);
  EXPECT_EQ(taken(bucket, 2'000 * second_ns, 1'000), 10U);
}

TEST(TokenBucket, GainsNothingFromAClockThatGoesBack) {
  TokenBucket bucket(1'000, 10);
  EXPECT_EQ(taken(bucket, 100 * second_ns, 100), 10U);
  EXPECT_EQ(taken(bucket, 50 * second_ns, 100), 0U);
  EXPECT_EQ(taken(bucket, 101 * second_ns, 100), 10U);
}

TEST(TokenBucket, PredictsWhatItWouldTake) {
  TokenBucket bucket(10, 1);
  EXPECT_TRUE(bucket.would_take(second_ns));
  EXPECT_TRUE(bucket.take(second_ns));
  EXPECT_FALSE(bucket.would_take(second_ns));
  EXPECT_TRUE(bucket.would_take(second_ns + second_ns / 10));
}

}  // namespace
}  // namespace sallyport::dataplane::token_bucket_test
