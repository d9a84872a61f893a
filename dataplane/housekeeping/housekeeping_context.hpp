// What the parts of housekeeping share. All of them run on the one housekeeping thread, so nothing here is locked.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/abi/events.hpp"
#include "dataplane/housekeeping/control_link.hpp"
#include "dataplane/housekeeping/tsc_clock.hpp"
#include "dataplane/pipeline/counters.hpp"
#include "dataplane/pipeline/packet.hpp"
#include "dataplane/pipeline/tables.hpp"
#include "dataplane/pipeline/worker_rings.hpp"

namespace sallyport::dataplane {

struct HousekeepingContext {
  Tables& tables;
  Counters& counters;
  TscClock& clock;
  ControlLink& link;
  std::vector<WorkerRings>& rings;
  std::vector<std::uint16_t> transmit_worker;  // of each device: who owns a transmit queue
  std::uint64_t now_ns = 0;                    // CLOCK_BOOTTIME, read once a turn
  std::uint64_t now_tsc = 0;

  // A new packet of the gateway's own with `length` bytes of data (uninitialised) and full headroom. Null, and counted
  // as no_buffer, when the pool is exhausted. Not yet counted as originated: the send functions do that.
  [[nodiscard]] Packet* allocate(std::uint32_t length_bytes) noexcept;

  // Gives a packet to a worker; dropped as handover_full if its ring is full.
  void send_to_worker(std::uint16_t worker, Packet* packet, Task task) noexcept;
  // A complete frame, to whoever owns the transmit queue of `port_index`. VLAN tags are the worker's business.
  void transmit(Packet* frame, std::uint8_t port_index) noexcept;
  // An IP packet of the gateway's own that still needs a route (inner table).
  void route(Packet* ip_packet) noexcept;

  // Call for a packet that allocate() made, once, before it is sent.
  void count_originated(Packet* packet) noexcept { counters.add(meta_of(packet).rx_port, Counter::originated); }
};

}  // namespace sallyport::dataplane
