// First-in-first-out queues of packets over one fixed pool of places: any number of queues, one bound for all. Packets
// are opaque pointers; who puts one in owns it again when it comes out.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace sallyport::dataplane {

// One queue; only WaitingPackets looks inside.
struct WaitQueue {
  static constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t first = nowhere;
  std::uint32_t last = nowhere;
  std::uint32_t count = 0;
};

class WaitingPackets {
 public:
  struct Waiting {
    void* packet;
    std::uint32_t neighbour;
    std::uint32_t generation;  // of the neighbour's slot, so that no packet goes to the slot's next owner
  };

  explicit WaitingPackets(std::uint32_t capacity) : places_(capacity) {
    for (std::uint32_t place = capacity; place-- > 0;) {
      places_[place].next = free_;
      free_ = place;
    }
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool full() const noexcept { return free_ == WaitQueue::nowhere; }

  // Not when full().
  void push(WaitQueue& queue, const Waiting& waiting) noexcept {
    const std::uint32_t place = free_;
    free_ = places_[place].next;
    places_[place] = {.waiting = waiting, .next = WaitQueue::nowhere};
    link(queue, place, place, 1);
    ++size_;
  }

  // Not from an empty queue.
  Waiting pop(WaitQueue& queue) noexcept {
    const std::uint32_t place = queue.first;
    queue.first = places_[place].next;
    if (--queue.count == 0) queue = {};
    places_[place].next = free_;
    free_ = place;
    --size_;
    return places_[place].waiting;
  }

  // Everything in `from` goes to the end of `to`.
  void move_all(WaitQueue& from, WaitQueue& to) noexcept {
    if (from.count == 0) return;
    link(to, from.first, from.last, from.count);
    from = {};
  }

 private:
  struct Place {
    Waiting waiting{};
    std::uint32_t next = WaitQueue::nowhere;
  };
  void link(WaitQueue& queue, std::uint32_t first, std::uint32_t last, std::uint32_t count) noexcept {
    if (queue.count == 0)
      queue.first = first;
    else
      places_[queue.last].next = first;
    queue.last = last;
    queue.count += count;
  }

  std::vector<Place> places_;
  std::uint32_t free_ = WaitQueue::nowhere;
  std::uint32_t size_ = 0;
};

}  // namespace sallyport::dataplane
