// A single-producer single-consumer ring of fixed-size slots in memory that another process shares and may corrupt.
//
// Nothing that is needed for safety is read from the shared memory: the capacity is a compile-time constant and each
// side keeps its own index privately. The other side's index is accepted only if the distance is at most the capacity;
// else the ring is broken for good and its link is reopened. A consumer copies a slot out once and then validates the
// copy.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/abi/limits.hpp"

namespace sallyport::abi {

template <typename SlotType, std::uint32_t capacity>
struct SpscRing {
  using Slot = SlotType;
  static constexpr std::uint32_t slots_count = capacity;
  static_assert(std::has_single_bit(capacity));
  static_assert(std::is_trivially_copyable_v<Slot>);
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  // Slots ever written. Written by the producer, read by the consumer: release/acquire hands the slot's bytes over.
  alignas(cache_line_bytes) std::atomic<std::uint64_t> written;
  // Slots ever read. Written by the consumer, read by the producer: release/acquire hands the slot's room back.
  alignas(cache_line_bytes) std::atomic<std::uint64_t> read;
  alignas(cache_line_bytes) Slot slots[capacity];
};

enum class RingResult : std::uint8_t { ok, empty, full, broken };

template <typename Ring>
class RingProducer {
 public:
  using Slot = typename Ring::Slot;
  RingProducer() noexcept = default;
  // The ring must be fresh (all zero bytes) and outlive this object.
  explicit RingProducer(Ring* ring) noexcept : ring_(ring) {}

  // Lets `fill(slot)` write the next slot in place; it must not read the slot.
  template <typename Fill>
  [[nodiscard]] RingResult push_with(Fill&& fill) noexcept {
    const std::uint64_t in_use = written_ - ring_->read.load(std::memory_order_acquire);
    if (in_use >= Ring::slots_count) return in_use == Ring::slots_count ? RingResult::full : RingResult::broken;
    fill(ring_->slots[written_ & (Ring::slots_count - 1)]);
    ring_->written.store(++written_, std::memory_order_release);
    return RingResult::ok;
  }
  [[nodiscard]] RingResult push(const Slot& slot) noexcept {
    return push_with([&slot](Slot& room) { std::memcpy(&room, &slot, sizeof slot); });
  }

  // Slots written so far, which is the position of the next one.
  [[nodiscard]] std::uint64_t position() const noexcept { return written_; }

  // Zeroes a slot that held a secret, if the consumer has taken it and it was not written again since. The room is the
  // producer's then: nobody else looks at it.
  void scrub(std::uint64_t position) noexcept {
    const std::uint64_t taken = ring_->read.load(std::memory_order_acquire);
    if (written_ - taken > Ring::slots_count || position >= taken || written_ - position > Ring::slots_count) return;
    explicit_bzero(&ring_->slots[position & (Ring::slots_count - 1)], sizeof(Slot));
  }

  // Slots that the consumer has not yet taken; more than the capacity means that the ring is broken.
  [[nodiscard]] std::uint64_t backlog() const noexcept {
    return written_ - ring_->read.load(std::memory_order_acquire);
  }

 private:
  Ring* ring_ = nullptr;
  std::uint64_t written_ = 0;
};

template <typename Ring>
class RingConsumer {
 public:
  using Slot = typename Ring::Slot;
  RingConsumer() noexcept = default;
  explicit RingConsumer(Ring* ring) noexcept : ring_(ring) {}

  // Copies the next slot out.
  [[nodiscard]] RingResult pop(Slot& out) noexcept {
    const std::uint64_t available = ring_->written.load(std::memory_order_acquire) - read_;
    if (available == 0) return RingResult::empty;
    if (available > Ring::slots_count) return RingResult::broken;
    std::memcpy(&out, &ring_->slots[read_ & (Ring::slots_count - 1)], sizeof out);
    ring_->read.store(++read_, std::memory_order_release);
    return RingResult::ok;
  }
  [[nodiscard]] bool empty() const noexcept { return ring_->written.load(std::memory_order_acquire) == read_; }

 private:
  Ring* ring_ = nullptr;
  std::uint64_t read_ = 0;
};

}  // namespace sallyport::abi
