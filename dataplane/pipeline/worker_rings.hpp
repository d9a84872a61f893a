// The rings between a worker and the other threads: one for each pair and direction, and for each kind of thing that a
// worker tells housekeeping.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/pipeline/flow_notes.hpp"
#include "dataplane/pipeline/notes.hpp"
#include "dataplane/pipeline/packet_ring.hpp"

namespace sallyport::dataplane {

// What a worker sends to housekeeping, by kind, so that a flood of one kind starves no other.
struct WorkerRings {
  std::unique_ptr<PacketRing> own_address;  // ARP, ND, ICMP, host interface
  std::unique_ptr<PacketRing> handshakes;
  std::unique_ptr<PacketRing> held;  // stage, resolve, glean, icmp_error, hold_for_owner
  std::unique_ptr<NoteRing> notes;
  std::unique_ptr<FlowNoteRing> flow_notes;
  // Packets that the worker holds: inner fragments that came before their first, and what waits for its rate. It
  // stores, housekeeping loads.
  std::unique_ptr<std::atomic<std::uint32_t>> packets_held;
  std::unique_ptr<PacketRing> from_housekeeping;
  // From worker i; null for itself.
  std::vector<std::unique_ptr<PacketRing>> from_worker;
};

}  // namespace sallyport::dataplane
