// How many packet buffers, and how large. Two sizes: `packets` for everything that a port receives, and a few `large`
// ones that hold a reassembled outer packet of up to 9,216 bytes and more. One size for both would make every buffer
// 10 KiB for the sake of a rare path, and AF_XDP takes no buffer beyond a page. No DPDK in here.
#pragma once

#include <cstdint>
#include <span>

#include "config/config.hpp"

namespace sallyport::dataplane {

inline constexpr std::uint64_t mib = 1024 * 1024;

// Every bound on packets that are held somewhere, each stated once: who holds them takes its bound from here.
struct BufferDemand {
  std::uint32_t private_bytes = 64;  // our metadata of each packet; a multiple of 8
  std::uint32_t burst_packets = 64;
  std::uint32_t rx_descriptors = 1024;  // of each queue
  std::uint32_t tx_descriptors = 1024;
  std::uint32_t staged_packets = 8192;            // waiting for a handshake, all peers together
  std::uint32_t neighbour_packets = 1024;         // waiting for ARP or ND
  std::uint32_t reassembly_per_worker = 1024;     // fragments
  std::uint32_t shaped_per_worker = 4096;         // waiting for their rate (DelayWheel)
  std::uint32_t held_fragments_per_worker = 512;  // inner ones that came before their first (HeldFragments)
  std::uint32_t handoff_ring_slots = 1024;        // of each ring between two workers
  std::uint32_t housekeeping_ring_slots = 1024;   // of each ring between housekeeping and a worker, each way
  std::uint32_t large_per_worker = 128;
};

struct BufferPlan {
  std::uint32_t packets = 0;
  std::uint32_t large = 0;              // 0: `packets` are large enough, and the one pool serves both
  std::uint16_t packet_room_bytes = 0;  // data room, headroom included
  std::uint16_t large_room_bytes = 0;
  std::uint16_t private_bytes = 0;
  std::uint32_t cache_packets = 0;  // of each lcore and pool
  std::uint64_t descriptors = 0;    // of all device queues

  [[nodiscard]] std::uint64_t packet_bytes() const noexcept;  // of one buffer with all that surrounds it
  [[nodiscard]] std::uint64_t large_bytes() const noexcept;
};

inline constexpr std::uint32_t packet_headroom_bytes = 128;  // RTE_PKTMBUF_HEADROOM, asserted in mbuf_pool.cpp
inline constexpr std::uint32_t packet_header_bytes = 128;    // sizeof(rte_mbuf), asserted there too
// Ethernet, two VLAN tags, FCS: what a frame is longer than its MTU.
inline constexpr std::uint32_t frame_overhead_bytes = 14 + 8 + 4;
// What sealing appends: padding, next header, tag; and a reserve.
inline constexpr std::uint32_t tunnel_growth_bytes = 128;
inline constexpr std::uint32_t reassembled_packet_bytes = 9216 + frame_overhead_bytes + tunnel_growth_bytes;

[[nodiscard]] BufferPlan plan_buffers(const config::Dataplane& dataplane, std::span<const config::Port> ports,
                                      const BufferDemand& demand = {});

}  // namespace sallyport::dataplane
