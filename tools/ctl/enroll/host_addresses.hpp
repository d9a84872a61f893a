// The addresses of a host. The system's resolver knows no deadline; here it has one.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/ip.hpp"

namespace sallyport::ctl {

inline constexpr std::size_t most_host_addresses = 8;

// Not empty. `stop_descriptor` readable: an error at once. A resolver that does not come back is left to itself: its
// thread ends with the process.
[[nodiscard]] tl::expected<std::vector<IpAddress>, std::string> addresses_of(const std::string& host,
                                                                             std::chrono::milliseconds timeout,
                                                                             int stop_descriptor);

}  // namespace sallyport::ctl
