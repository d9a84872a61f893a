// Time that crosses the planes: CLOCK_BOOTTIME in nanoseconds. It goes on through suspend and no clock step moves it.
#pragma once

#include <ctime>

#include <cstdint>

namespace sallyport {

inline std::uint64_t boottime_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

inline constexpr std::uint64_t second_ns = 1'000'000'000ULL;
inline constexpr std::uint64_t millisecond_ns = 1'000'000ULL;

}  // namespace sallyport
