#include "dataplane/housekeeping/underlay_path.hpp"

#include <gtest/gtest.h>

#include "dataplane/housekeeping/port_addresses.hpp"

namespace sallyport::dataplane::underlay_path_test {
namespace {

config::Port port(const char* name, config::PortRole role, std::vector<const char*> addresses,
                  std::vector<const char*> gateways = {}) {
  config::Port made;
  made.name = name;
  made.device = std::string("net_null_") + name;
  made.role = role;
  for (const char* text : addresses) made.addresses.push_back(*IpPrefix::parse(text));
  for (const char* text : gateways) made.gateway.push_back(*IpAddress::parse(text));
  return made;
}

class UnderlayPath : public testing::Test {
 protected:
  // wan 0, second 1, lan 2
  UnderlayPath() {
    const std::vector<config::Port> all = {
        port("wan", config::PortRole::underlay, {"192.0.2.1/24", "2001:db8::1/64"}, {"192.0.2.254", "2001:db8::fe"}),
        port("second", config::PortRole::underlay, {"198.51.100.1/24", "198.51.100.129/25"}, {"198.51.100.254"}),
        port("lan", config::PortRole::inside, {"10.0.0.1/8"})};
    ports = *PortTable::build(all);
    for (std::uint8_t device = 0; device < 3; ++device) ports->set_device_mac(device, {2, 0, 0, 0, 0, device});
  }
  std::optional<UnderlayHop> hop(const char* remote, const char* hint = nullptr) {
    return find_underlay_hop(*ports, routes, *IpAddress::parse(remote),
                             hint != nullptr ? *IpAddress::parse(hint) : IpAddress{});
  }
  static UnderlayHop expected(std::uint8_t index, const char* next_hop, const char* local) {
    return {index, *IpAddress::parse(next_hop), *IpAddress::parse(local)};
  }

  std::optional<PortTable> ports;
  UnderlayRoutes routes;
};

TEST_F(UnderlayPath, ReachesAConnectedNeighbourDirectly) {
  EXPECT_EQ(hop("192.0.2.77"), expected(0, "192.0.2.77", "192.0.2.1"));
  EXPECT_EQ(hop("2001:db8::77"), expected(0, "2001:db8::77", "2001:db8::1"));
}

TEST_F(UnderlayPath, SpeaksWithTheAddressOfTheLongestPrefix) {
  EXPECT_EQ(hop("198.51.100.5"), expected(1, "198.51.100.5", "198.51.100.1"));
  EXPECT_EQ(hop("198.51.100.200"), expected(1, "198.51.100.200", "198.51.100.129"));
}

TEST_F(UnderlayPath, GoesByTheGatewayOfThePortThatOwnsTheHint) {
  EXPECT_EQ(hop("203.0.113.9"), expected(0, "192.0.2.254", "192.0.2.1"));
  EXPECT_EQ(hop("203.0.113.9", "198.51.100.129"), expected(1, "198.51.100.254", "198.51.100.129"));
}

TEST_F(UnderlayPath, HasNoGatewayOfAFamilyThatNobodyConfigured) {
  EXPECT_EQ(hop("2001:db8:ffff::1", "198.51.100.1"), expected(0, "2001:db8::fe", "2001:db8::1"));
}

TEST_F(UnderlayPath, PrefersTheLongestStaticRoute) {
  ASSERT_TRUE(routes.set(*IpPrefix::parse("203.0.113.0/24"), *IpAddress::parse("192.0.2.50")));
  ASSERT_TRUE(routes.set(*IpPrefix::parse("203.0.113.128/25"), *IpAddress::parse("198.51.100.50")));
  EXPECT_EQ(hop("203.0.113.1"), expected(0, "192.0.2.50", "192.0.2.1"));
  EXPECT_EQ(hop("203.0.113.200"), expected(1, "198.51.100.50", "198.51.100.1"));
  EXPECT_TRUE(routes.remove(*IpPrefix::parse("203.0.113.128/25")));
  EXPECT_FALSE(routes.remove(*IpPrefix::parse("203.0.113.128/25")));
  EXPECT_EQ(hop("203.0.113.200"), expected(0, "192.0.2.50", "192.0.2.1"));
}

TEST_F(UnderlayPath, AStaticRouteBeatsAShorterConnectedPrefixOnly) {
  ASSERT_TRUE(routes.set(*IpPrefix::parse("192.0.2.0/24"), *IpAddress::parse("198.51.100.50")));
  EXPECT_EQ(hop("192.0.2.9"), expected(0, "192.0.2.9", "192.0.2.1"));
  ASSERT_TRUE(routes.set(*IpPrefix::parse("192.0.2.9/32"), *IpAddress::parse("198.51.100.50")));
  EXPECT_EQ(hop("192.0.2.9"), expected(1, "198.51.100.50", "198.51.100.1"));
}

TEST_F(UnderlayPath, ARouteWhoseNextHopIsOnNoUnderlayLinkLeadsNowhere) {
  ASSERT_TRUE(routes.set(*IpPrefix::parse("203.0.113.0/24"), *IpAddress::parse("10.0.0.9")));
  EXPECT_EQ(hop("203.0.113.1"), std::nullopt);
}

TEST_F(UnderlayPath, NeverGoesInside) {
  EXPECT_EQ(hop("10.20.30.40"), std::nullopt) << "an endpoint on the site's side";
}

TEST_F(UnderlayPath, NeverReachesOurselvesOrNobody) {
  for (const char* remote : {"192.0.2.1", "10.0.0.1", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                             "::", "::1", "ff02::1", "2001:db8::1"})
    EXPECT_EQ(hop(remote), std::nullopt) << remote;
  EXPECT_EQ(find_underlay_hop(*ports, routes, {}, {}), std::nullopt);
}

TEST_F(UnderlayPath, ASubnetsBroadcastIsNoNeighbour) {
  EXPECT_FALSE(is_on_link(ports->port(0), *IpAddress::parse("192.0.2.255")));
  EXPECT_FALSE(is_on_link(ports->port(0), *IpAddress::parse("192.0.2.0")));
  EXPECT_TRUE(is_on_link(ports->port(0), *IpAddress::parse("192.0.2.128")));
  EXPECT_FALSE(is_on_link(ports->port(2), *IpAddress::parse("10.255.255.255")));
  EXPECT_TRUE(is_on_link(ports->port(2), *IpAddress::parse("10.0.255.255")));
}

TEST_F(UnderlayPath, SpeaksLinkLocalToLinkLocalOnly) {
  const IpAddress own = *ports->port(0).link_local;
  const auto found = hop("fe80::42");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->local, own);
  EXPECT_EQ(found->next_hop, *IpAddress::parse("fe80::42"));
  EXPECT_EQ(hop("2001:db8::77", own.to_string().c_str()), expected(0, "2001:db8::77", "2001:db8::1"));
}

TEST_F(UnderlayPath, RefusesRoutesThatMakeNoSense) {
  EXPECT_FALSE(routes.set(*IpPrefix::parse("203.0.113.1/24"), *IpAddress::parse("192.0.2.50"))) << "host bits";
  EXPECT_FALSE(routes.set(*IpPrefix::parse("203.0.113.0/24"), *IpAddress::parse("2001:db8::50"))) << "two families";
  EXPECT_EQ(routes.size(), 0U);
}

TEST_F(UnderlayPath, BoundsItsRoutes) {
  for (std::size_t i = 0; i < UnderlayRoutes::capacity; ++i)
    ASSERT_TRUE(routes.set(
        IpPrefix::host(IpAddress::v4(203, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i))),
        *IpAddress::parse("192.0.2.50")));
  EXPECT_FALSE(routes.set(*IpPrefix::parse("8.8.8.8/32"), *IpAddress::parse("192.0.2.50")));
}

}  // namespace
}  // namespace sallyport::dataplane::underlay_path_test
