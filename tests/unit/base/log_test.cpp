#include "config/base/log.hpp"

#include <gtest/gtest.h>

#include "config/base/clock.hpp"

namespace sallyport {
namespace {

TEST(Log, QuotesWhatCouldForgeALine) {
  start_log("test", LogLevel::info, LogFormat::text);
  testing::internal::CaptureStderr();
  log_info("peer added", {{"peer", "a\nb \"c\""}, {"index", hex(0x1f)}, {"up", true}, {"age_s", 7}});
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("peer added peer=\"a\\x0ab \\\"c\\\"\" index=0x1f up=true age_s=7\n"), std::string::npos) << line;
}

TEST(LogLimiter, LetsABurstThroughThenOnePerInterval) {
  LogLimiter limiter(2, second_ns);
  EXPECT_TRUE(limiter.admit(second_ns));
  EXPECT_TRUE(limiter.admit(second_ns));
  EXPECT_FALSE(limiter.admit(second_ns + 1));
  EXPECT_TRUE(limiter.admit(2 * second_ns));
  EXPECT_EQ(limiter.take_suppressed(), 1U);
}

}  // namespace
}  // namespace sallyport
