// Numbers as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ctl {

[[nodiscard]] std::string bytes_text(std::uint64_t bytes);           // "512 B", "1.4 MiB"
[[nodiscard]] std::string bit_rate_text(double bits_per_second);     // "0", "812 bit/s", "9.41 Gbit/s"
[[nodiscard]] std::string rate_text(double per_second);              // "0", "0.4", "812", "1.20M"
[[nodiscard]] std::string duration_text(std::uint64_t seconds);      // "12s", "3m 4s", "5h 2m", "3d 4h"
[[nodiscard]] std::string ago_text(std::optional<std::uint64_t> s);  // "never", "now", "12s ago"

// What duration_text writes, read again: "90s", "5m", "24h", "30d", "1h 30m"; in seconds, at most 100 years. Without a
// unit it is no duration.
[[nodiscard]] std::optional<std::uint64_t> parse_duration(std::string_view text);

}  // namespace sallyport::ctl
