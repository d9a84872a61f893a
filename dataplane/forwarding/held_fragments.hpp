// Later fragments that came before their first, held until it is decided: those of a datagram of 64 KB from each
// ingress (of 65,535 bytes in pieces of 1,280, the least MTU of IPv6, there are 54), and not for long. Packets are
// opaque pointers; who puts one in owns it again when it comes out. Each worker has its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/forwarding/inner_fragments.hpp"

namespace sallyport::dataplane {

class HeldFragments {
 public:
  static constexpr std::uint32_t max_held = 512;
  static constexpr std::uint32_t max_held_per_ingress = 128;
  static constexpr std::uint32_t max_held_per_datagram = 64;
  static constexpr std::uint64_t max_held_s = 1;

  explicit HeldFragments(std::uint64_t tsc_hz) noexcept : max_held_ticks_(tsc_hz * max_held_s) {}

  // False: one of the bounds is reached; the packet stays the caller's.
  [[nodiscard]] bool hold(const InnerFragmentKey& key, void* packet, std::uint64_t now_tsc) noexcept;

  // The first fragment arrived: moves those that waited for it to `out`, in their order, and returns how many.
  [[nodiscard]] std::size_t take_held(const InnerFragmentKey& key,
                                      std::span<void*, max_held_per_datagram> out) noexcept;

  // Gives back what was held for more than a second: give_up(void* packet) for each. Call it now and then, and with the
  // largest time before the end.
  template <typename GiveUp>
  void expire(std::uint64_t now_tsc, GiveUp&& give_up) noexcept {
    std::uint32_t expired = 0;  // they lie in the order of their arrival
    while (expired < size_ && is_expired(held_[expired], now_tsc)) give_up(held_[expired++].packet);
    if (expired != 0) drop_first(expired);
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  struct Held {
    InnerFragmentKey key;
    void* packet;
    std::uint64_t held_at_tsc;
  };

  [[nodiscard]] bool is_expired(const Held& held, std::uint64_t now_tsc) const noexcept {
    return now_tsc > held.held_at_tsc && now_tsc - held.held_at_tsc > max_held_ticks_;
  }
  void drop_first(std::uint32_t count) noexcept;

  std::uint64_t max_held_ticks_;
  std::uint32_t size_ = 0;
  std::array<Held, max_held> held_{};
  std::array<std::uint32_t, max_held> ingresses_{};  // of held_: looked through for every fragment, so close together
};

}  // namespace sallyport::dataplane
