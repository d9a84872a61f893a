// Two clocks of one machine: the TSC, which workers read for nothing, and CLOCK_BOOTTIME, which crosses the planes.
// Housekeeping calibrates one against the other every second; after a suspend the relation jumps and is right again
// with the next calibration.
#pragma once

#include <cstdint>

namespace sallyport::dataplane {

class TscClock {
 public:
  TscClock(std::uint64_t tsc_hz, std::uint64_t now_tsc, std::uint64_t now_ns) noexcept
      : tsc_hz_(tsc_hz), base_tsc_(now_tsc), base_ns_(now_ns) {}

  void calibrate(std::uint64_t now_tsc, std::uint64_t now_ns) noexcept {
    base_tsc_ = now_tsc;
    base_ns_ = now_ns;
  }
  [[nodiscard]] std::uint64_t tsc_hz() const noexcept { return tsc_hz_; }
  // 0 stays 0 ("never"); times before the machine started are clamped to 1.
  [[nodiscard]] std::uint64_t to_ns(std::uint64_t tsc) const noexcept {
    if (tsc == 0) return 0;
    const std::int64_t distance = scale(static_cast<std::int64_t>(tsc - base_tsc_), 1'000'000'000, tsc_hz_);
    return clamp(base_ns_, distance);
  }
  [[nodiscard]] std::uint64_t to_tsc(std::uint64_t ns) const noexcept {
    if (ns == 0) return 0;
    return clamp(base_tsc_, scale(static_cast<std::int64_t>(ns - base_ns_), tsc_hz_, 1'000'000'000));
  }

 private:
  static std::int64_t scale(std::int64_t value, std::uint64_t multiplier, std::uint64_t divisor) noexcept {
    __extension__ using Wide = __int128;
    return static_cast<std::int64_t>(static_cast<Wide>(value) * static_cast<Wide>(multiplier) /
                                     static_cast<Wide>(divisor));
  }
  static std::uint64_t clamp(std::uint64_t base, std::int64_t distance) noexcept {
    if (distance < 0 && static_cast<std::uint64_t>(-distance) >= base) return 1;
    return base + static_cast<std::uint64_t>(distance);
  }

  std::uint64_t tsc_hz_;
  std::uint64_t base_tsc_;
  std::uint64_t base_ns_;
};

}  // namespace sallyport::dataplane
