#include "dataplane/io/device_name.hpp"

#include <gtest/gtest.h>

namespace sallyport::dataplane::device_name_test {
namespace {

TEST(DeviceName, WritesPciAddressesInOneWay) {
  for (const char* text : {"3B:00.0", "3b:00.0", "0000:3b:00.0", "0000:3B:00.0"}) {
    const DeviceName device = DeviceName::parse(text);
    EXPECT_TRUE(device.is_pci) << text;
    EXPECT_EQ(device.name, "0000:3b:00.0");
  }
  EXPECT_EQ(canonical_pci_address("10000:3b:00.0"), std::nullopt);
  EXPECT_EQ(canonical_pci_address("3b:00.8"), std::nullopt);
  EXPECT_EQ(canonical_pci_address("3b:00"), std::nullopt);
  EXPECT_EQ(canonical_pci_address("0000:3g:00.0"), std::nullopt);
  EXPECT_EQ(canonical_pci_address(""), std::nullopt);
}

TEST(DeviceName, KeepsTheArgumentsOfAPciDevice) {
  const DeviceName device = DeviceName::parse("3B:00.0,dv_flow_en=1");
  EXPECT_TRUE(device.is_pci);
  EXPECT_EQ(device.to_string(), "0000:3b:00.0,dv_flow_en=1");
}

TEST(DeviceName, SeparatesVdevDriverAndArguments) {
  const DeviceName device = DeviceName::parse("net_af_packet12,iface=wan0,qpairs=2");
  EXPECT_FALSE(device.is_pci);
  EXPECT_EQ(device.name, "net_af_packet12");
  EXPECT_EQ(device.driver(), "net_af_packet");
  EXPECT_EQ(device.arguments, "iface=wan0,qpairs=2");
  EXPECT_EQ(device.queue_pairs, 2);
  EXPECT_EQ(device.to_string(), "net_af_packet12,iface=wan0,qpairs=2");
  EXPECT_EQ(DeviceName::parse("net_null0").to_string(), "net_null0");
}

TEST(DeviceName, FindsTheSlavesOfABond) {
  const DeviceName device =
      DeviceName::parse("net_bonding0,mode=4,slave=3b:00.0,slave=0000:3B:00.1,member=net_tap0,xmit_policy=l34");
  EXPECT_EQ(device.pci_slaves, (std::vector<std::string>{"0000:3b:00.0", "0000:3b:00.1"}));
  EXPECT_EQ(device.slaves, 3);
}

TEST(DeviceName, BoundsNumbersOfQueues) {
  EXPECT_EQ(DeviceName::parse("net_tap0").queue_pairs, 1);
  EXPECT_EQ(DeviceName::parse("net_af_xdp0,iface=x,queue_count=4").queue_pairs, 4);
  EXPECT_EQ(DeviceName::parse("net_virtio_user0,queues=4294967295").queue_pairs, 64);
  EXPECT_EQ(DeviceName::parse("net_virtio_user0,queues=99999999999999").queue_pairs, 1);
  EXPECT_EQ(DeviceName::parse("net_virtio_user0,queues=x,,=,queues").queue_pairs, 1);
  EXPECT_EQ(DeviceName::parse("net_pcap0,rx_pcap=a,rx_pcap=b,tx_pcap=c").queue_pairs, 2);
}

}  // namespace
}  // namespace sallyport::dataplane::device_name_test
