// A bounded ring of packets between two threads of the dataplane, one producer and one consumer. Never waits: what does
// not fit stays with the caller, who drops it under DropReason::handover_full.
#pragma once

#include <rte_ring.h>

#include <memory>
#include <span>

#include "dataplane/pipeline/packet.hpp"

namespace sallyport::dataplane {

class PacketRing {
 public:
  // Null if memory is exhausted. `slots` is a power of two; one less fits.
  static std::unique_ptr<PacketRing> create(const char* name, unsigned slots) noexcept;
  ~PacketRing();
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  [[nodiscard]] bool push(Packet* packet) noexcept { return rte_ring_sp_enqueue(ring_, packet) == 0; }
  // Takes as many as fit into `room`; returns their number.
  [[nodiscard]] unsigned pop(Packet** room, unsigned count) noexcept {
    return rte_ring_sc_dequeue_burst(ring_, reinterpret_cast<void**>(room), count, nullptr);
  }
  [[nodiscard]] bool empty() const noexcept { return rte_ring_empty(ring_) != 0; }
  [[nodiscard]] unsigned size() const noexcept { return rte_ring_count(ring_); }

 private:
  explicit PacketRing(rte_ring* ring) noexcept : ring_(ring) {}
  rte_ring* ring_;
};

}  // namespace sallyport::dataplane
