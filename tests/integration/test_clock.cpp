#include "tests/integration/test_clock.hpp"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
std::atomic<std::uint64_t> offset_ns{0};

}  // namespace

namespace sallyport::integration {

void advance_clock(std::uint64_t nanoseconds) noexcept {
  offset_ns.fetch_add(nanoseconds);
}

}  // namespace sallyport::integration

// Stands in for the C library's within this executable.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, now);
  if (result != 0 || clock != CLOCK_BOOTTIME) return static_cast<int>(result);
  const std::uint64_t nanoseconds = static_cast<std::uint64_t>(now->tv_nsec) + offset_ns.load() % second_ns;
  now->tv_sec += static_cast<time_t>(offset_ns.load() / second_ns + nanoseconds / second_ns);
  now->tv_nsec = static_cast<long>(nanoseconds % second_ns);
  return 0;
}
