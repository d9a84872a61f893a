// The live sessions, one slot each: slot = index & (max_sessions - 1), so a packet's receiver index leads to its
// session with one array access. Housekeeping installs and ends sessions; workers read and count.
//
// The life of a slot: housekeeping fills it while `index` is 0, publishes it by storing `index` (release), ends it by
// storing 0, waits for a grace period in which no worker can still use it, and wipes it. Only then is it free again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/abi/limits.hpp"
#include "dataplane/crypto/aead_batch.hpp"
#include "dataplane/session/replay_window.hpp"

namespace sallyport::dataplane {

using abi::cache_line_bytes;

// The owner of a session that housekeeping is moving from one worker to another: nobody opens its packets.
inline constexpr std::uint16_t owner_moving = 0xffff;

// The receiving half of a session.
struct alignas(cache_line_bytes) OpenSession {
  // Line 0: read for every packet, written only by housekeeping (and `awaits_confirmation` once by the owner).
  std::atomic<std::uint32_t> index;  // 0: the slot is free or ending
  std::uint32_t peer_id;
  std::uint64_t expires_at_tsc;
  std::uint64_t reject_from_counter;  // this one and every greater is refused
  std::atomic<std::uint16_t> owner_worker;
  std::atomic<std::uint8_t> awaits_confirmation;  // 1: the responder's, and no packet has come yet

  // Line 1.
  AeadKey key;

  // Line 2: written by the owner worker alone for every batch; housekeeping reads, relaxed: these are statistics and
  // timer stamps that need no order among themselves.
  alignas(cache_line_bytes) std::atomic<std::uint64_t> rx_packets;
  std::atomic<std::uint64_t> rx_bytes;
  std::atomic<std::uint64_t> greatest_counter;
  std::atomic<std::uint64_t> last_received_tsc;
  std::atomic<std::uint64_t> last_data_received_tsc;  // not keepalives
  // Which other worker receives this session's packets, and how many it handed over: a reason to move the ownership.
  std::atomic<std::uint32_t> handed_over;
  std::atomic<std::uint16_t> handed_over_by;

  // Lines 3 to 19: the owner worker's alone.
  ReplayWindow window;
};
static_assert(offsetof(OpenSession, key) == cache_line_bytes);
static_assert(offsetof(OpenSession, rx_packets) == 2 * cache_line_bytes);
static_assert(sizeof(OpenSession) == 3 * cache_line_bytes + sizeof(ReplayWindow));

// The sending half.
struct alignas(cache_line_bytes) SealSession {
  // Line 0: read for every packet, written only by housekeeping.
  std::atomic<std::uint32_t> index;  // ours, as in OpenSession
  std::uint32_t remote_index;        // the peer's, goes on the wire
  std::uint64_t expires_at_tsc;
  std::uint64_t reject_from_counter;

  // Line 1.
  AeadKey key;

  // Line 2: written for every batch by whichever worker seals it. fetch_add hands each batch counters of its own;
  // nothing else depends on their order, so relaxed suffices.
  alignas(cache_line_bytes) std::atomic<std::uint64_t> next_counter;
  std::atomic<std::uint64_t> tx_bytes;
  std::atomic<std::uint64_t> last_sent_tsc;
  std::atomic<std::uint64_t> last_data_sent_tsc;  // not keepalives
};
static_assert(offsetof(SealSession, key) == cache_line_bytes);
static_assert(offsetof(SealSession, next_counter) == 2 * cache_line_bytes);
static_assert(sizeof(SealSession) == 3 * cache_line_bytes);

class SessionTable {
 public:
  // The arrays have `capacity` (a power of two) zeroed elements and outlive the table.
  SessionTable(OpenSession* open, SealSession* seal, std::uint32_t capacity) noexcept
      : open_(open), seal_(seal), capacity_(capacity) {}

  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint32_t slot_of(std::uint32_t index) const noexcept { return index & (capacity_ - 1); }

  // Null unless a live session has exactly this index. Acquire: its fields were written before the index.
  [[nodiscard]] OpenSession* find_open(std::uint32_t index) const noexcept {
    OpenSession& session = open_[slot_of(index)];
    return index != 0 && session.index.load(std::memory_order_acquire) == index ? &session : nullptr;
  }
  [[nodiscard]] SealSession* find_seal(std::uint32_t index) const noexcept {
    SealSession& session = seal_[slot_of(index)];
    return index != 0 && session.index.load(std::memory_order_acquire) == index ? &session : nullptr;
  }
  [[nodiscard]] OpenSession& open_slot(std::uint32_t slot) const noexcept { return open_[slot]; }
  [[nodiscard]] SealSession& seal_slot(std::uint32_t slot) const noexcept { return seal_[slot]; }

 private:
  OpenSession* open_;
  SealSession* seal_;
  std::uint32_t capacity_;
};

}  // namespace sallyport::dataplane
