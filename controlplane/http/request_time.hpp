// The two clocks that an answer needs, read once: ages come from CLOCK_BOOTTIME, dates from the wall clock. Tests give
// their own.
#pragma once

#include <cstdint>
#include <ctime>

#include "config/base/clock.hpp"

namespace sallyport::controlplane {

struct RequestTime {
  std::uint64_t boottime_ns = 0;
  std::uint64_t wall_ns = 0;  // since 1970

  static RequestTime now() noexcept {
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    return {sallyport::boottime_ns(),
            static_cast<std::uint64_t>(wall.tv_sec) * second_ns + static_cast<std::uint64_t>(wall.tv_nsec)};
  }

  // Whole seconds since `then`; what is in the future happened now.
  [[nodiscard]] std::uint64_t seconds_since(std::uint64_t then_ns) const noexcept {
    return then_ns < boottime_ns ? (boottime_ns - then_ns) / second_ns : 0;
  }
  // The wall clock's reading at a CLOCK_BOOTTIME instant, as it is set today.
  [[nodiscard]] std::uint64_t to_wall_ns(std::uint64_t then_ns) const noexcept {
    return wall_ns - (boottime_ns - then_ns);  // modulo 2^64: right for the future too
  }
};

}  // namespace sallyport::controlplane
