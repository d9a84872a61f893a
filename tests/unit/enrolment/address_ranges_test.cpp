#include "controlplane/enrolment/address_ranges.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

namespace sallyport::controlplane::address_ranges_test {
namespace {

constexpr AddressNumber highest = ~AddressNumber{0};

TEST(AddressNumber, IsTheAddressInNetworkOrder) {
  for (const auto* text : {"0.0.0.0", "10.8.128.1", "255.255.255.255", "::", "fd08::1:2", "2001:db8:1:2:3:4:5:6",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const IpAddress address = IpAddress::parse(text).value();
    EXPECT_EQ(address_of(number_of(address), address.family), address) << text;
  }
  EXPECT_TRUE(number_of(IpAddress::v4(10, 8, 128, 1)) == 0x0a088001);
  EXPECT_TRUE(number_of(IpAddress::parse("::1:2").value()) == 0x10002);
}

TEST(AddressRanges, MergeWhatTouches) {
  AddressRanges ranges;
  ranges.insert(10, 19);
  ranges.insert(30, 39);
  ranges.insert(20, 29);
  EXPECT_EQ(ranges.ranges().size(), 1U);
  EXPECT_TRUE(ranges.count() == 30);
  ranges.erase(15, 15);
  EXPECT_EQ(ranges.ranges().size(), 2U);
  EXPECT_FALSE(ranges.contains(15));
  EXPECT_TRUE(ranges.contains(14) && ranges.contains(16));
}

TEST(AddressRanges, ReachFromTheFirstAddressToTheLast) {
  AddressRanges ranges;
  ranges.insert(0, highest);
  EXPECT_TRUE(ranges.contains(0) && ranges.contains(highest));
  ranges.erase(0, 0);
  ranges.erase(highest, highest);
  EXPECT_TRUE(ranges.count() == highest - 1);
  EXPECT_TRUE(ranges.lowest() == 1);
  ranges.insert(highest, highest);
  ranges.insert(0, 0);
  EXPECT_EQ(ranges.ranges().size(), 1U);
  ranges.erase(0, highest);
  EXPECT_TRUE(ranges.empty());
}

// Around the ends of the numbers, where one more or one less is another world.
TEST(AddressRanges, AgreeWithAListOfBits) {
  std::mt19937 random(1);
  for (const AddressNumber offset : {AddressNumber{0}, AddressNumber{1} << 64, highest - 31}) {
    AddressRanges ranges;
    std::array<bool, 32> bits{};
    for (unsigned step = 0; step < 5000; ++step) {
      const auto first = static_cast<unsigned>(random() % 32);
      const unsigned last = std::min(31U, first + static_cast<unsigned>(random() % 6));
      const bool insert = random() % 2 == 0;
      insert ? ranges.insert(offset + first, offset + last) : ranges.erase(offset + first, offset + last);
      for (unsigned i = first; i <= last; ++i) bits[i] = insert;
      unsigned count = 0, runs = 0;
      for (unsigned i = 0; i < 32; ++i) {
        ASSERT_EQ(ranges.contains(offset + i), bits[i]);
        count += bits[i] ? 1 : 0;
        runs += bits[i] && (i == 0 || !bits[i - 1]) ? 1 : 0;
      }
      ASSERT_TRUE(ranges.count() == count);
      ASSERT_EQ(ranges.ranges().size(), runs);
    }
  }
}

}  // namespace
}  // namespace sallyport::controlplane::address_ranges_test
