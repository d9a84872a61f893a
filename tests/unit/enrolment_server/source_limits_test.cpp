#include "controlplane/enrolment/source_limits.hpp"

#include <chrono>
#include <random>

#include <gtest/gtest.h>

namespace sallyport::controlplane::source_limits_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

const IpAddress client = IpAddress::v4(192, 0, 2, 1);

IpAddress numbered(std::uint32_t number) {
  return IpAddress::v4(static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
                       static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

unsigned admitted(SourceLimits& limits, const IpAddress& source, nanoseconds now, unsigned attempts) {
  unsigned count = 0;
  for (unsigned i = 0; i < attempts; ++i) count += limits.count(source, now) ? 0 : 1;
  return count;
}

TEST(SourceLimits, AdmitABurstAndThenTheRate) {
  SourceLimits limits(10, 50);
  EXPECT_EQ(admitted(limits, client, 0s, 100), 50U);
  EXPECT_EQ(limits.count(client, 0s), nanoseconds(100ms));
  EXPECT_EQ(limits.count(client, 60ms), nanoseconds(40ms));
  EXPECT_EQ(admitted(limits, client, 100ms, 10), 1U);
  EXPECT_EQ(admitted(limits, client, 1100ms, 100), 10U);
  EXPECT_EQ(admitted(limits, client, 1h, 100), 50U);
}

TEST(SourceLimits, DoNotPunishAClientThatKeepsTrying) {
  SourceLimits limits(10, 1);
  unsigned count = 0;
  for (nanoseconds now = 0s; now < 10s; now += 1ms) count += limits.count(client, now) ? 0 : 1;
  EXPECT_EQ(count, 100U);
}

TEST(SourceLimits, CountSourcesByThemselves) {
  SourceLimits limits(1, 1);
  EXPECT_FALSE(limits.count(client, 0s));
  EXPECT_TRUE(limits.count(client, 0s));
  EXPECT_FALSE(limits.count(IpAddress::v4(192, 0, 2, 2), 0s));
}

TEST(SourceLimits, CountAnIpv6NetworkAsOneSource) {
  SourceLimits limits(1, 1);
  EXPECT_FALSE(limits.count(*IpAddress::parse("2001:db8:1:2::1"), 0s));
  EXPECT_TRUE(limits.count(*IpAddress::parse("2001:db8:1:2:ffff:ffff:ffff:ffff"), 0s));
  EXPECT_FALSE(limits.count(*IpAddress::parse("2001:db8:1:3::1"), 0s));
}

TEST(SourceLimits, CountAMappedAddressAsTheIpv4AddressThatItIs) {
  SourceLimits limits(1, 1);
  EXPECT_FALSE(limits.count(*IpAddress::parse("::ffff:192.0.2.1"), 0s));
  EXPECT_TRUE(limits.count(client, 0s));
  EXPECT_FALSE(limits.count(*IpAddress::parse("::ffff:192.0.2.2"), 0s));
}

TEST(SourceLimits, NeverHoldMoreSourcesThanTheyMay) {
  SourceLimits limits(1, 1, 100);
  for (std::uint32_t i = 0; i < 10'000; ++i) EXPECT_FALSE(limits.count(numbered(i), 0s)) << i;
  EXPECT_EQ(limits.size(), 100U);
}

TEST(SourceLimits, ForgetTheSourceThatWasSilentLongest) {
  SourceLimits limits(1, 1, 3);
  for (std::uint32_t i = 1; i <= 3; ++i) EXPECT_FALSE(limits.count(numbered(i), 0s));
  EXPECT_TRUE(limits.count(numbered(1), 0s));
  EXPECT_FALSE(limits.count(numbered(4), 0s));
  EXPECT_TRUE(limits.count(numbered(1), 0s));   // still known
  EXPECT_FALSE(limits.count(numbered(2), 0s));  // was forgotten
}

TEST(SourceLimits, LockNobodyOutInAFloodFromManySources) {
  SourceLimits limits(10, 50, 1000);
  std::mt19937 random(7);
  unsigned refused = 0;
  for (nanoseconds now = 0s; now < 5s; now += 10ms) {
    for (unsigned i = 0; i < 500; ++i) (void)limits.count(numbered(static_cast<std::uint32_t>(random())), now);
    // Five a second, as an honest client at most.
    if (now % 200ms == 0s && limits.count(client, now)) ++refused;
  }
  EXPECT_EQ(refused, 0U);
  EXPECT_EQ(limits.size(), 1000U);
}

TEST(SourceLimits, GainNothingWhenTheClockGoesBack) {
  SourceLimits limits(1, 1);
  EXPECT_FALSE(limits.count(client, 10s));
  EXPECT_TRUE(limits.count(client, 5s));
  EXPECT_FALSE(limits.count(client, 11s));
}

TEST(SourceLimits, TakeRatesThatMakeNoSense) {
  for (const double rate : {-1.0, 0.0, 1e-300, 1e300})
    for (const double burst : {-1.0, 0.0, 1e300}) {
      SourceLimits limits(rate, burst);
      EXPECT_FALSE(limits.count(client, 0s)) << rate << ' ' << burst;
    }
}

}  // namespace
}  // namespace sallyport::controlplane::source_limits_test
