// Rates as text: "500kbit", "10mbit", "1.5gbit".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sallyport::policy {

// Bits per second, decimal units; from limits::lowest_rate_bits_per_s to abi::max_rate_bits_per_s. The error is
// "expected X, got the string "..."".
[[nodiscard]] tl::expected<std::uint64_t, std::string> parse_rate(std::string_view text);

}  // namespace sallyport::policy
