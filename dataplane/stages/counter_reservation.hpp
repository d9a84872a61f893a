// Counters for a whole batch of packets to seal: one atomic addition for each session in it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/pipeline/packet.hpp"
#include "dataplane/session/peer_table.hpp"
#include "dataplane/session/session_table.hpp"

namespace sallyport::dataplane {

// A packet on its way into a tunnel.
struct SealRequest {
  Packet* packet;
  SealSession* session;
  const TunnelPath* path;
  std::uint64_t counter;
};

// Gives every packet of the batch its counter: sessions are few in a batch, so each is found in a short list.
class CounterReservation {
 public:
  void reserve(std::span<SealRequest> requests) noexcept {
    for (const SealRequest& request : requests) ++entry_of(request.session).packets;
    for (unsigned i = 0; i < used_; ++i)
      entries_[order_[i]].next =
          entries_[order_[i]].session->next_counter.fetch_add(entries_[order_[i]].packets, std::memory_order_relaxed);
    for (SealRequest& request : requests) request.counter = entry_of(request.session).next++;
  }

 private:
  struct Entry {
    SealSession* session = nullptr;
    std::uint32_t packets = 0;
    std::uint64_t next = 0;
  };
  static constexpr unsigned slots = 2 * Batch::capacity;

  Entry& entry_of(SealSession* session) noexcept {
    // Sessions are 192 bytes apart.
    unsigned slot = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(session) >> 6) * 0x9e3779b1U >> 23;
    while (entries_[slot].session != nullptr && entries_[slot].session != session) slot = (slot + 1) & (slots - 1);
    if (entries_[slot].session == nullptr) {
      entries_[slot].session = session;
      order_[used_++] = static_cast<std::uint16_t>(slot);
    }
    return entries_[slot];
  }
  static_assert(slots == 1U << 9);

  std::array<Entry, slots> entries_{};
  std::array<std::uint16_t, slots> order_;
  unsigned used_ = 0;
};

}  // namespace sallyport::dataplane
