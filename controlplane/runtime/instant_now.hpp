// Both clocks, read together: for those who own the loop. Everybody else takes time as an argument, and converts it.
#pragma once

#include <chrono>

#include "config/base/clock.hpp"
#include "controlplane/wireguard/instant.hpp"

namespace sallyport::controlplane {

[[nodiscard]] inline wireguard::WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

// As policies and proofs see time.
[[nodiscard]] inline std::chrono::sys_seconds wall_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

[[nodiscard]] inline wireguard::Instant instant_now() {
  return {wireguard::from_boottime_ns(boottime_ns()), wall_now()};
}

[[nodiscard]] inline std::chrono::sys_seconds seconds_of(wireguard::Instant now) {
  return std::chrono::floor<std::chrono::seconds>(now.wall);
}

}  // namespace sallyport::controlplane
