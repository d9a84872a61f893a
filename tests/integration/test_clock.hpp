// CLOCK_BOOTTIME of this process, which tests move forward. Housekeeping takes every timer from it; the TSC goes on as
// it is, exactly as after a suspend, and housekeeping's next calibration brings the two together.
#pragma once

#include <cstdint>

namespace sallyport::integration {

void advance_clock(std::uint64_t nanoseconds) noexcept;

}  // namespace sallyport::integration
