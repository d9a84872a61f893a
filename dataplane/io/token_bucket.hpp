// A rate with a burst: `rate` events a second on average, at most `burst` at once. One word of time instead of a count
// of tokens (the virtual schedule of ATM's GCRA), so nothing drifts by rounding. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "config/base/clock.hpp"

namespace sallyport::dataplane {

class TokenBucket {
 public:
  // rate: 1 to 10^9 a second; burst: at least 1. Starts full.
  constexpr TokenBucket(std::uint64_t rate_per_s, std::uint64_t burst) noexcept
      : interval_ns_(second_ns / std::clamp<std::uint64_t>(rate_per_s, 1, second_ns)),
        depth_ns_(interval_ns_ * (std::max<std::uint64_t>(burst, 1) - 1)) {}

  // now_ns never goes back (boottime_ns); if it does, nothing is gained.
  [[nodiscard]] bool take(std::uint64_t now_ns) noexcept {
    const std::uint64_t due = std::max(due_ns_, now_ns);
    if (due - now_ns > depth_ns_) return false;
    due_ns_ = due + interval_ns_;
    return true;
  }
  [[nodiscard]] bool would_take(std::uint64_t now_ns) const noexcept {
    return due_ns_ <= now_ns || due_ns_ - now_ns <= depth_ns_;
  }

 private:
  std::uint64_t interval_ns_;
  std::uint64_t depth_ns_;
  std::uint64_t due_ns_ = 0;  // when the next event would conform without any burst
};

}  // namespace sallyport::dataplane
