// Which session a peer is sent with, where a worker and housekeeping both have a say: housekeeping chooses whenever
// sessions come and go; the worker that opens the first packet of a session that we answered moves to it at once.
#pragma once

#include <atomic>
#include <cstdint>

namespace sallyport::dataplane {

// A worker's side. `session_index` is the OpenSession's, which housekeeping sets to 0 *before* it chooses another one:
// when both ends start handshakes at once, the session that we answered may be replaced while its first packet is being
// opened. False: that happened, and what housekeeping chose stays.
//
// Acquire of the exchange pairs with the release of housekeeping's choice: if that came first, its end of the session
// is seen here and the choice is put back; if it comes later, it overwrites ours.
[[nodiscard]] inline bool send_with_confirmed(std::atomic<std::uint32_t>& send_index,
                                              const std::atomic<std::uint32_t>& session_index,
                                              std::uint32_t index) noexcept {
  std::uint32_t chosen = send_index.load(std::memory_order_acquire);
  while (!send_index.compare_exchange_weak(chosen, index, std::memory_order_acq_rel, std::memory_order_acquire)) {}
  if (session_index.load(std::memory_order_acquire) == index) return true;
  // Ours is still there only if housekeeping chose before: then `chosen` is its choice.
  std::uint32_t ours = index;
  send_index.compare_exchange_strong(ours, chosen, std::memory_order_acq_rel, std::memory_order_relaxed);
  return false;
}

}  // namespace sallyport::dataplane
