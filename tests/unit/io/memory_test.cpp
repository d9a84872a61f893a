#include "dataplane/io/memory.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace sallyport::dataplane::memory_test {
namespace {

config::Port port(std::string device, std::uint16_t mtu = 1500, std::uint16_t rx_queues = 1) {
  config::Port made;
  made.device = std::move(device);
  made.mtu = mtu;
  made.rx_queues = rx_queues;
  return made;
}

TEST(ComputeMemory, TotalsItsLines) {
  const std::vector<config::Port> ports = {port("net_tap0"), port("net_tap1")};
  const MemoryNeed need = compute_memory(config::Dataplane{}, ports, {.extras = {{"flows", 123'456'789}}});
  const std::uint64_t sum =
      std::accumulate(need.lines.begin(), need.lines.end(), std::uint64_t{0},
                      [](std::uint64_t total, const MemoryLine& line) { return total + line.bytes; });
  EXPECT_EQ(sum, need.total_bytes);
  EXPECT_EQ(need.total_mb * 1024 * 1024, need.total_bytes);
  EXPECT_EQ(need.total_mb % 2, 0U);
  EXPECT_NE(need.to_table().find("flows"), std::string::npos);
  EXPECT_NE(need.to_table().find("total"), std::string::npos);
}

TEST(ComputeMemory, LeavesAMarginForTheHeap) {
  const MemoryNeed need = compute_memory(config::Dataplane{}, {});
  EXPECT_GE(need.lines.back().bytes, (need.total_bytes - need.lines.back().bytes) * 15 / 100);
}

TEST(ComputeMemory, GrowsWithSessionsAndWithinTheirBytes) {
  config::Dataplane small;
  config::Dataplane large;
  large.max_sessions = 1U << 20;
  const std::uint64_t difference = compute_memory(large, {}).total_bytes - compute_memory(small, {}).total_bytes;
  const std::uint64_t sessions = large.max_sessions - small.max_sessions;
  EXPECT_NEAR(static_cast<double>(difference), static_cast<double>(sessions * (1280 + 192)) * 1.15, 4e6);
}

TEST(ComputeMemory, CountsADeviceOnceHoweverManyVlansItCarries) {
  const std::vector<config::Port> one = {port("0000:3b:00.0")};
  const std::vector<config::Port> vlans = {port("0000:3b:00.0"), port("3b:00.0"), port("0000:3B:00.0")};
  EXPECT_EQ(compute_memory(config::Dataplane{}, one).total_bytes,
            compute_memory(config::Dataplane{}, vlans).total_bytes);
}

TEST(ComputeMemory, HoldsTheLargestConfigurationWithoutOverflow) {
  config::Dataplane dataplane;
  dataplane.workers.assign(32, 1);
  dataplane.max_peers = 1U << 20;
  dataplane.max_sessions = 1U << 22;
  std::vector<config::Port> ports;
  for (int i = 0; i < 16; ++i) ports.push_back(port(std::string("net_tap") + std::to_string(i), 9216, 64));
  const MemoryNeed need = compute_memory(dataplane, ports);
  EXPECT_GT(need.total_mb, 6400U);
  EXPECT_LT(need.total_mb, 65536U);
}

TEST(MemoryToReserve, TakesTheNeedOrMoreAndRefusesLessWithTheBreakdown) {
  config::Dataplane dataplane;
  const MemoryNeed need = compute_memory(dataplane, {});
  EXPECT_EQ(memory_to_reserve_mb(dataplane, need), need.total_mb);
  dataplane.memory_mb = static_cast<std::uint32_t>(need.total_mb + 100);
  EXPECT_EQ(memory_to_reserve_mb(dataplane, need), need.total_mb + 100);
  dataplane.memory_mb = static_cast<std::uint32_t>(need.total_mb - 1);
  const auto refused = memory_to_reserve_mb(dataplane, need);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("sessions, receiving (131072)"), std::string::npos);
}

TEST(BufferPlan, KeepsOrdinaryBuffersSmallAndAddsLargeOnesForReassembly) {
  const std::vector<config::Port> ports = {port("net_tap0")};
  const BufferPlan plan = plan_buffers(config::Dataplane{}, ports);
  EXPECT_EQ(plan.packet_room_bytes, 2048 + 128);
  EXPECT_GE(plan.large_room_bytes, 9216 + 128);
  EXPECT_GT(plan.large, 0U);
  EXPECT_LE(plan.packet_bytes(), 4096U) << "AF_XDP takes no buffer beyond a page";
}

TEST(BufferPlan, MakesEveryBufferLargeForJumboFrames) {
  const std::vector<config::Port> nearly = {port("net_tap0"), port("net_tap1", 9000)};
  const BufferPlan plan = plan_buffers(config::Dataplane{}, nearly);
  EXPECT_GE(plan.packet_room_bytes, 9000 + 26 + 128 + 128);
  const std::vector<config::Port> largest = {port("net_tap0", 9216)};
  EXPECT_EQ(plan_buffers(config::Dataplane{}, largest).large, 0U);
}

TEST(BufferPlan, CountsEveryQueueAndEverySlave) {
  const auto packets = [](const std::string& device, std::uint16_t rx_queues = 1) {
    const std::vector<config::Port> ports = {port(device, 1500, rx_queues)};
    return plan_buffers(config::Dataplane{}, ports).packets;
  };
  const std::uint32_t one = packets("net_tap0");
  EXPECT_EQ(packets("net_tap0", 4), one + 3 * 2 * 1024 + 3 * 2 * 64);
  EXPECT_EQ(packets("net_af_packet0,iface=x,qpairs=4"), packets("net_tap0", 4));
  EXPECT_EQ(packets("net_bonding0,mode=1,slave=3b:00.0,slave=3b:00.1"), one + 2 * 1024);
  EXPECT_EQ(packets("net_af_xdp0,iface=x"), one + 3 * 2048 - 2 * 1024);
}

TEST(BufferPlan, RoundsOurMetadataToWhatMbufsTake) {
  EXPECT_EQ(plan_buffers(config::Dataplane{}, {}, {.private_bytes = 57}).private_bytes, 64);
}

}  // namespace
}  // namespace sallyport::dataplane::memory_test
