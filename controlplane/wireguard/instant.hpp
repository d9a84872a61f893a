// Time as this library knows it: always an argument, never asked for. Protocol timers run on CLOCK_BOOTTIME (it goes on
// through suspend and no step moves it); wall time only fills the TAI64N timestamps of our initiations.
#pragma once

#include <chrono>
#include <cstdint>

namespace sallyport::wireguard {

// Tags a time point as CLOCK_BOOTTIME. It has no now(): nothing here may read a clock.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};

using BootTime = BootClock::time_point;
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// From and to the nanoseconds that cross the planes (config/base/clock.hpp).
inline BootTime from_boottime_ns(std::uint64_t nanoseconds) noexcept {
  return BootTime(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
}
inline std::uint64_t to_boottime_ns(BootTime time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

// The two clocks, read together by the caller.
struct Instant {
  BootTime boot;
  WallTime wall;
};

}  // namespace sallyport::wireguard
