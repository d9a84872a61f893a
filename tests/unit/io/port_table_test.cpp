#include "dataplane/io/port_table.hpp"

#include <gtest/gtest.h>

#include "dataplane/io/link_local.hpp"

namespace sallyport::dataplane::port_table_test {
namespace {

config::Port port(std::string name, std::string device, std::optional<std::uint16_t> vlan = std::nullopt) {
  config::Port made;
  made.name = std::move(name);
  made.device = std::move(device);
  made.vlan = vlan;
  return made;
}

TEST(PortTable, FindsAPortByDeviceAndVlan) {
  const std::vector<config::Port> ports = {port("wan", "net_tap0"), port("lan", "3b:00.1", 12),
                                           port("dmz", "0000:3B:00.1", 4094)};
  const auto table = PortTable::build(ports);
  ASSERT_TRUE(table) << table.error();
  ASSERT_EQ(table->devices().size(), 2U);
  EXPECT_FALSE(table->devices()[0].has_vlans);
  EXPECT_TRUE(table->devices()[1].has_vlans);
  EXPECT_EQ(table->find(0, 0), 0);
  EXPECT_EQ(table->find(1, 12), 1);
  EXPECT_EQ(table->find(1, 4094), 2);
  EXPECT_EQ(table->port(table->find(1, 12)).name, "lan");
}

TEST(PortTable, FindsNobodyForForeignVlansAndWildNumbers) {
  const std::vector<config::Port> ports = {port("lan", "net_tap0", 12)};
  const auto table = PortTable::build(ports);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->find(0, 0), no_port) << "untagged on a device that only carries VLANs";
  EXPECT_EQ(table->find(0, 13), no_port);
  EXPECT_EQ(table->find(1, 12), no_port);
  EXPECT_EQ(table->find(0, 4096), no_port);
  EXPECT_EQ(table->find(0, 0xffff), no_port);
  EXPECT_EQ(table->find(255, 12), no_port);
  EXPECT_EQ(PortTable{}.find(16, 0), no_port);
}

TEST(PortTable, AnEmptyTableFindsNobody) {
  EXPECT_EQ(PortTable{}.find(0, 0), no_port);
}

TEST(PortTable, RefusesTwoPortsOnOneVlan) {
  const std::vector<config::Port> ports = {port("a", "net_tap0", 12), port("b", "net_tap0", 12)};
  const auto table = PortTable::build(ports);
  ASSERT_FALSE(table);
  EXPECT_NE(table.error().find("[[port]] b: VLAN 12 of net_tap0 belongs to port a"), std::string::npos);
}

TEST(PortTable, RefusesMoreThanSixteenPorts) {
  std::vector<config::Port> ports;
  for (std::uint16_t vlan = 1; vlan <= 16; ++vlan) ports.push_back(port("p", "net_tap0", vlan));
  EXPECT_TRUE(PortTable::build(ports));
  ports.push_back(port("p", "net_tap0", 17));
  EXPECT_FALSE(PortTable::build(ports));
}

TEST(PortTable, TakesTheDevicesMacUnlessOneIsConfigured) {
  std::vector<config::Port> ports = {port("a", "net_tap0"), port("b", "net_tap0", 7)};
  ports[0].addresses = {*IpPrefix::parse("2001:db8::1/64")};
  ports[0].mtu = 9000;
  ports[1].mac = config::MacAddress{2, 0, 0, 0, 0, 9};
  auto table = PortTable::build(ports);
  ASSERT_TRUE(table);
  table->set_device_mac(0, {0x00, 0x11, 0x22, 0x33, 0x44, 0x55});
  EXPECT_EQ(table->port(0).mac, (config::MacAddress{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}));
  EXPECT_EQ(table->port(0).link_local, IpAddress::parse("fe80::211:22ff:fe33:4455"));
  EXPECT_EQ(table->port(1).mac, (config::MacAddress{2, 0, 0, 0, 0, 9}));
  EXPECT_EQ(table->port(1).link_local, std::nullopt) << "no IPv6 configured";
  EXPECT_EQ(table->devices()[0].mtu, 9000);
  EXPECT_EQ(table->configured_macs(0), (std::vector<config::MacAddress>{{2, 0, 0, 0, 0, 9}}));
  EXPECT_EQ(table->ipv6_addresses(0), (std::vector<IpAddress>{*IpAddress::parse("2001:db8::1")}));
}

TEST(LinkLocal, FlipsTheUniversalBit) {
  // RFC 4291, appendix A: 34-56-78-9A-BC-DE.
  EXPECT_EQ(link_local_of({0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}), IpAddress::parse("fe80::3656:78ff:fe9a:bcde"));
}

}  // namespace
}  // namespace sallyport::dataplane::port_table_test
