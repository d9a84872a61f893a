// Packets that conform to their rate in a while, held until then: a timing wheel of one worker. Packets of one rate
// come out in the order in which they went in.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/forwarding/rate_limiter.hpp"
#include "dataplane/pipeline/packet.hpp"

namespace sallyport::dataplane {

class DelayWheel {
 public:
  explicit DelayWheel(std::uint64_t tsc_hz) noexcept
      : tick_shift_(static_cast<unsigned>(std::bit_width(std::max<std::uint64_t>(tsc_hz / ticks_per_s, 1))) - 1) {}

  // False: as many are held as may be; the packet stays the caller's. `release_at_tsc` is at most rate_queue_ms ahead.
  [[nodiscard]] bool hold(Packet* packet, std::uint64_t release_at_tsc, std::uint64_t now_tsc) noexcept {
    if (size_ == max_packets) return false;
    if (size_ == 0) next_tick_ = now_tsc >> tick_shift_;
    const std::uint64_t tick =
        std::clamp(release_at_tsc >> tick_shift_, next_tick_, next_tick_ + std::uint64_t{slots - 1});
    List& list = lists_[tick % slots];
    packet->next = nullptr;
    if (list.last == nullptr)
      list.first = packet;
    else
      list.last->next = packet;
    list.last = packet;
    ++size_;
    return true;
  }

  // release(packet) for each that is due: at most a tick (a quarter to half of a millisecond) early, never behind one
  // that conforms by now.
  template <typename Release>
  void release_due(std::uint64_t now_tsc, Release&& release) noexcept {
    if (size_ == 0) return;
    const std::uint64_t now = now_tsc >> tick_shift_;
    for (unsigned turned = 0; next_tick_ <= now && size_ != 0 && turned < slots; ++next_tick_, ++turned)
      release_list(lists_[next_tick_ % slots], release);
    if (size_ != 0 && next_tick_ <= now) next_tick_ = now + 1;
  }
  // All of them, for the end.
  template <typename Release>
  void release_all(Release&& release) noexcept {
    for (List& list : lists_) release_list(list, release);
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  static constexpr std::uint32_t max_packets = 4096;

 private:
  static constexpr std::uint64_t ticks_per_s = 2000;
  static constexpr unsigned slots = 256;  // 64 ms at least
  static_assert(slots * 1000 / ticks_per_s / 2 > rate_queue_ms);
  struct List {
    Packet* first = nullptr;
    Packet* last = nullptr;
  };

  template <typename Release>
  void release_list(List& list, Release&& release) noexcept {
    Packet* packet = list.first;
    list = {};
    while (packet != nullptr) {
      Packet* const next = packet->next;
      packet->next = nullptr;  // it is one segment again
      --size_;
      release(packet);
      packet = next;
    }
  }

  unsigned tick_shift_;
  std::uint32_t size_ = 0;
  std::uint64_t next_tick_ = 0;  // the first that was not released
  std::array<List, slots> lists_{};
};

}  // namespace sallyport::dataplane
