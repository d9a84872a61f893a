#include "config/base/ip.hpp"

#include <gtest/gtest.h>

namespace sallyport::ip_test {
namespace {

TEST(IpAddress, ParsesOnlyWholeAddresses) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1"), IpAddress::v4(192, 0, 2, 1));
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->to_string(), "2001:db8::1");
  for (const char* text : {"", " 192.0.2.1", "192.0.2.1 ", "192.0.2", "192.0.2.256", "fe80::1%eth0", "[::1]", "::1::"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("192.0.2.1\0x", 11)));
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress{}.is_unspecified());
}

TEST(IpAddress, RefusesAnUnknownFamilyAndDirtyPadding) {
  IpAddress address = IpAddress::v4(10, 0, 0, 1);
  EXPECT_TRUE(address.valid());
  address.bytes[7] = 1;
  EXPECT_FALSE(address.valid());
  address.family = static_cast<IpFamily>(5);
  EXPECT_FALSE(address.valid());
}

TEST(IpPrefix, ContainsAcrossByteBoundaries) {
  const auto prefix = *IpPrefix::parse("10.8.0.1/13");
  EXPECT_EQ(prefix.network().to_string(), "10.8.0.0/13");
  EXPECT_TRUE(prefix.has_host_bits());
  EXPECT_TRUE(prefix.contains(*IpAddress::parse("10.15.255.255")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("10.16.0.0")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(IpPrefix::parse("0.0.0.0/0")->contains(prefix));
  EXPECT_FALSE(IpPrefix::parse("::/0")->contains(prefix));
  for (const char* text : {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+1", "::/129", "/8"})
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
}

TEST(IpEndpoint, NeedsBracketsForIpv6AndAPort) {
  EXPECT_EQ(IpEndpoint::parse("[2001:db8::1]:51820")->to_string(), "[2001:db8::1]:51820");
  EXPECT_EQ(IpEndpoint::parse("192.0.2.1:1")->to_string(), "192.0.2.1:1");
  for (const char* text : {"2001:db8::1:51820", "[192.0.2.1]:1", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1", ":1"})
    EXPECT_FALSE(IpEndpoint::parse(text)) << text;
}

}  // namespace
}  // namespace sallyport::ip_test
