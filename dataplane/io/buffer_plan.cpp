#include "dataplane/io/buffer_plan.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "dataplane/io/device_name.hpp"

namespace sallyport::dataplane {
namespace {

// NICs take the size of a receive buffer in steps of up to 1 KiB (ixgbe: SRRCTL.BSIZEPKT).
constexpr std::uint32_t room_step_bytes = 1024;
constexpr std::uint32_t smallest_room_bytes = 2048;
constexpr std::uint32_t cache_packets = 256;
// An AF_XDP socket fills its rings itself (2,048 each in DPDK 22.11), whatever it is asked for.
constexpr std::uint64_t af_xdp_packets_per_queue = 3 * 2048;

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t step) {
  return (value + step - 1) / step * step;
}

std::uint16_t room_for(std::uint32_t frame_bytes) {
  return static_cast<std::uint16_t>(packet_headroom_bytes +
                                    std::max(smallest_room_bytes, round_up(frame_bytes, room_step_bytes)));
}

// What the descriptors of one device hold at most.
std::uint64_t device_packets(const config::Port& port, std::size_t workers, const BufferDemand& demand) {
  const DeviceName device = DeviceName::parse(port.device);
  const std::uint64_t rx_queues = std::max(port.rx_queues, device.queue_pairs);
  if (device.driver() == "net_af_xdp") return rx_queues * af_xdp_packets_per_queue;
  const std::uint64_t tx_queues = std::max<std::uint64_t>(workers, rx_queues);
  const std::uint64_t members = std::max<std::uint64_t>(1, device.slaves);
  return members * (rx_queues * demand.rx_descriptors + tx_queues * demand.tx_descriptors);
}

// A mempool object: its header, the mbuf, our metadata, the data, the spread over memory channels, the stack's element.
std::uint64_t buffer_bytes(std::uint32_t room_bytes, std::uint32_t private_bytes) {
  return round_up(64 + packet_header_bytes + private_bytes + room_bytes, 64) + 64 + 16;
}

}  // namespace

std::uint64_t BufferPlan::packet_bytes() const noexcept {
  return buffer_bytes(packet_room_bytes, private_bytes);
}

std::uint64_t BufferPlan::large_bytes() const noexcept {
  return buffer_bytes(large_room_bytes, private_bytes);
}

BufferPlan plan_buffers(const config::Dataplane& dataplane, std::span<const config::Port> ports,
                        const BufferDemand& demand) {
  const std::uint64_t workers = std::max<std::size_t>(1, dataplane.workers.size());
  std::uint64_t descriptors = 0;
  std::uint32_t largest_mtu = 0;
  std::uint64_t rx_queues = 0;
  std::set<std::string> counted;
  for (const config::Port& port : ports) {
    largest_mtu = std::max<std::uint32_t>(largest_mtu, port.mtu);
    const DeviceName device = DeviceName::parse(port.device);
    if (!counted.insert(device.name).second) continue;
    descriptors += device_packets(port, workers, demand);
    rx_queues += std::max(port.rx_queues, device.queue_pairs);
  }
  std::uint64_t packets = descriptors;
  packets += 2 * (rx_queues + workers) * demand.burst_packets;  // in the stages, and on their way out
  packets += demand.staged_packets + demand.neighbour_packets;
  packets += workers * (demand.reassembly_per_worker + demand.shaped_per_worker + demand.held_fragments_per_worker);
  packets += workers * (workers - 1) * demand.handoff_ring_slots;
  packets += workers * 2 * demand.housekeeping_ring_slots;
  packets += (workers + 1) * cache_packets * 3 / 2;  // a cache is flushed at one and a half times its size

  BufferPlan plan;
  plan.packets = static_cast<std::uint32_t>(std::min<std::uint64_t>(packets, 1U << 24));
  plan.packet_room_bytes = room_for(largest_mtu + frame_overhead_bytes + tunnel_growth_bytes);
  plan.large_room_bytes = std::max(plan.packet_room_bytes, room_for(reassembled_packet_bytes));
  plan.private_bytes = static_cast<std::uint16_t>(round_up(demand.private_bytes, 8));
  plan.cache_packets = cache_packets;
  plan.descriptors = descriptors;
  if (plan.large_room_bytes > plan.packet_room_bytes)
    plan.large = static_cast<std::uint32_t>(workers * demand.large_per_worker);
  return plan;
}

}  // namespace sallyport::dataplane
