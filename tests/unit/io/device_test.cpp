// Devices and buffers under a real EAL, without huge pages and without hardware. EAL starts once, for all tests.
#include "dataplane/io/device.hpp"

#include <gtest/gtest.h>
#include <rte_lcore.h>

#include <algorithm>
#include <array>
#include <memory>

#include "dataplane/io/eal.hpp"
#include "dataplane/io/machine.hpp"
#include "dataplane/io/port_table.hpp"
#include "dataplane/io/vlan.hpp"

namespace sallyport::dataplane::device_test {
namespace {

config::Port port(std::string name, std::string device) {
  config::Port made;
  made.name = std::move(name);
  made.device = std::move(device);
  return made;
}

const std::vector<config::Port>& ports() {
  static const std::vector<config::Port> all = {port("null", "net_null0,no-rx=1"), port("ring", "net_ring0"),
                                                port("other-ring", "net_ring1"),
                                                port("bond", "net_bonding0,mode=1,slave=net_null8,member=net_null9")};
  return all;
}

class DeviceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Machine machine = read_machine();
    config::Dataplane dataplane;
    dataplane.workers = {static_cast<std::uint16_t>(machine.allowed_cpus.back())};
    dataplane.max_peers = dataplane.max_sessions = 1024;
    dataplane.hugepages = config::HugePages::never;
    dataplane.eal_args = {"--vdev=net_null8,no-rx=1", "--vdev=net_null9,no-rx=1"};
    dataplane.socket = "/tmp/sallyport-io-eal-test.sock";
    const auto plan = plan_eal(dataplane, ports(), compute_memory(dataplane, ports()), machine);
    ASSERT_TRUE(plan) << plan.error();
    const auto started = start_eal(*plan, ports());
    ASSERT_TRUE(started) << started.error();
    const BufferPlan buffers = plan_buffers(dataplane, ports());
    auto made = MbufPools::create(buffers);
    ASSERT_TRUE(made) << made.error();
    pools = std::make_unique<MbufPools>(std::move(*made));
  }
  static void TearDownTestSuite() {
    pools.reset();
    stop_eal();
  }

  void SetUp() override { ASSERT_NE(pools, nullptr); }
  void TearDown() override { EXPECT_EQ(pools->in_use(), 0U) << "every buffer is back in its pool"; }

  static std::unique_ptr<Device> open(const char* device, DeviceRequest request = {}) {
    const auto ethdev = find_ethdev(device);
    EXPECT_TRUE(ethdev) << ethdev.error();
    if (!ethdev) return nullptr;
    request.ethdev = *ethdev;
    auto opened = Device::open(request, pools->packets());
    EXPECT_TRUE(opened) << opened.error();
    return opened ? std::move(*opened) : nullptr;
  }

  static inline std::unique_ptr<MbufPools> pools;
};

TEST_F(DeviceTest, StartsHousekeepingAsLcoreZeroAndTheWorkerAsOne) {
  EXPECT_EQ(rte_get_main_lcore(), 0U);
  EXPECT_EQ(rte_lcore_count(), 2U);
  EXPECT_TRUE(rte_lcore_is_enabled(lcore_of_worker(0)));
}

TEST_F(DeviceTest, NamesADeviceThatDidNotComeUp) {
  const auto missing = find_ethdev("net_tap7,iface=x");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("net_tap7"), std::string::npos);
}

TEST_F(DeviceTest, MakesPoolsOfLockFreeStacks) {
  EXPECT_STREQ(rte_mempool_get_ops(pools->packets().ops_index)->name, "lf_stack");
  EXPECT_GE(rte_pktmbuf_data_room_size(&pools->large()), 9216 + 128);
  EXPECT_EQ(rte_pktmbuf_data_room_size(&pools->packets()), 2048 + 128);
  EXPECT_EQ(rte_pktmbuf_priv_size(&pools->packets()), 64);
  EXPECT_FALSE(pools->single());
}

TEST_F(DeviceTest, CountsBuffersInUse) {
  std::array<rte_mbuf*, 300> held{};
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(&pools->packets(), held.data(), held.size()), 0);
  rte_mbuf* large = rte_pktmbuf_alloc(&pools->large());
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(pools->in_use(), 301U);
  rte_pktmbuf_free(large);
  rte_pktmbuf_free_bulk(held.data(), held.size());
  EXPECT_EQ(pools->in_use(), 0U);
}

TEST_F(DeviceTest, GivesOutEveryBufferOfAnExhaustedPoolAndTakesThemBack) {
  std::vector<rte_mbuf*> held;
  while (rte_mbuf* mbuf = rte_pktmbuf_alloc(&pools->packets())) held.push_back(mbuf);
  EXPECT_EQ(held.size(), pools->packets().size);
  for (rte_mbuf* mbuf : held) rte_pktmbuf_free(mbuf);
}

TEST_F(DeviceTest, OpensADeviceThatSwallowsPackets) {
  const auto device = open("net_null0", {.workers = 3});
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->driver(), "net_null");
  EXPECT_EQ(device->queues().tx_queues, 3);
  EXPECT_EQ(device->mac()[0] & 1, 0);
  EXPECT_NE(device->mac(), config::MacAddress{});
  rte_mbuf* mbuf = rte_pktmbuf_alloc(&pools->packets());
  rte_pktmbuf_append(mbuf, 64);
  EXPECT_EQ(rte_eth_tx_burst(device->ethdev(), device->queues().tx_queue_of_worker(2), &mbuf, 1), 1);
  EXPECT_EQ(device->statistics().sent_packets, 1U);
}

TEST_F(DeviceTest, LoopsPacketsThroughARing) {
  const auto device = open("net_ring0,nodeaction=x", {.rx_queues = 2, .workers = 4, .mtu = 1500});
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->queues().rx_queues, 2);
  EXPECT_EQ(device->queues().tx_queues, 2) << "a loop has as many queues out as in";
  EXPECT_EQ(device->remarks().size(), 1U);
  EXPECT_TRUE(device->link().up);
  rte_mbuf* sent = rte_pktmbuf_alloc(&pools->packets());
  rte_pktmbuf_append(sent, 100);
  ASSERT_EQ(rte_eth_tx_burst(device->ethdev(), 1, &sent, 1), 1);
  rte_mbuf* received = nullptr;
  ASSERT_EQ(rte_eth_rx_burst(device->ethdev(), 1, &received, 1), 1);
  EXPECT_EQ(received, sent);
  rte_pktmbuf_free(received);
  EXPECT_EQ(device->statistics().received_packets, 1U);
}

TEST_F(DeviceTest, SendsThroughABond) {
  const auto device = open("net_bonding0", {.rx_queues = 2, .workers = 1});
  ASSERT_NE(device, nullptr);
  EXPECT_TRUE(device->needs_idle_tx());
  EXPECT_EQ(device->queues().tx_queues, device->queues().rx_queues);
  rte_mbuf* mbuf = rte_pktmbuf_alloc(&pools->packets());
  rte_pktmbuf_append(mbuf, 64);
  if (rte_eth_tx_burst(device->ethdev(), 0, &mbuf, 1) == 0) rte_pktmbuf_free(mbuf);  // it may still be coming up
}

TEST_F(DeviceTest, GivesAPortTheMacThatIsConfigured) {
  const config::MacAddress wanted = {0x02, 1, 2, 3, 4, 5};
  const auto device = open(
      "net_ring1", {.macs = {wanted, {0x02, 1, 2, 3, 4, 6}}, .ipv6_addresses = {*IpAddress::parse("2001:db8::1")}});
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->mac(), wanted);
}

TEST_F(DeviceTest, RefusesADeviceThatIsNotThere) {
  const auto opened = Device::open({.ethdev = 31}, pools->packets());
  ASSERT_FALSE(opened);
}

TEST_F(DeviceTest, DerivesTheSolicitedNodeMac) {
  EXPECT_EQ(solicited_node_mac(*IpAddress::parse("2001:db8::1:800:200e:8c6c")),
            (config::MacAddress{0x33, 0x33, 0xff, 0x0e, 0x8c, 0x6c}));
}

// An untagged IPv4 UDP frame with distinguishable MACs.
rte_mbuf* udp_frame(rte_mempool& pool, std::uint16_t bytes = 60) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(&pool);
  auto* data = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, bytes));
  std::fill(data, data + bytes, std::uint8_t{0});
  for (std::uint8_t i = 0; i < 12; ++i) data[i] = i;
  data[12] = 0x08;
  data[14] = 0x45;
  data[17] = 46;
  data[23] = IPPROTO_UDP;
  data[39] = 26;
  return mbuf;
}

TEST_F(DeviceTest, TagsByHandAndTakesTheTagOffAgain) {
  rte_mbuf* mbuf = udp_frame(pools->packets());
  EXPECT_EQ(take_vlan(*mbuf), 0);
  EXPECT_TRUE(put_vlan(*mbuf, 0xabc, {}));
  EXPECT_EQ(mbuf->data_len, 64);
  EXPECT_EQ(*rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, 11), 11);
  EXPECT_EQ(*rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, 12), 0x81);
  EXPECT_EQ(take_vlan(*mbuf), 0xabc);
  EXPECT_EQ(mbuf->data_len, 60);
  for (std::uint8_t i = 0; i < 12; ++i) EXPECT_EQ(*rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, i), i);
  EXPECT_EQ(*rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, 12), 0x08);
  rte_pktmbuf_free(mbuf);
}

TEST_F(DeviceTest, LeavesTagsToADeviceThatHandlesThem) {
  rte_mbuf* mbuf = udp_frame(pools->packets());
  EXPECT_TRUE(put_vlan(*mbuf, 12, {.tx_vlan_insert = true}));
  EXPECT_EQ(mbuf->data_len, 60);
  EXPECT_NE(mbuf->ol_flags & RTE_MBUF_F_TX_VLAN, 0U);
  mbuf->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  mbuf->vlan_tci = 0xe00c;  // priority 7
  EXPECT_EQ(take_vlan(*mbuf), 12);
  rte_pktmbuf_free(mbuf);
}

TEST_F(DeviceTest, SeesNoTagInAFrameTooShortForOne) {
  for (std::uint16_t bytes = 0; bytes < 18; ++bytes) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(&pools->packets());
    auto* data = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, bytes));
    for (std::uint16_t i = 0; i < bytes; ++i) data[i] = i == 12 ? 0x81 : 0;
    EXPECT_EQ(take_vlan(*mbuf), 0);
    EXPECT_EQ(mbuf->data_len, bytes);
    rte_pktmbuf_free(mbuf);
  }
}

}  // namespace
}  // namespace sallyport::dataplane::device_test
