// Instants as the gateway's answers have them, and as people read them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ctl {

using WallTime = std::chrono::sys_seconds;  // UTC

// RFC 3339 in UTC: "2026-11-26T10:00:00Z", with or without a fraction (which is cut off), from 1970 to 9999.
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);
[[nodiscard]] std::string time_text(WallTime at);  // "2026-11-26T10:00:00Z"
[[nodiscard]] WallTime wall_now();

// "in 3d 4h", "now", "5m 2s ago"; a text that is no time: itself.
[[nodiscard]] std::string distance_text(WallTime at, WallTime now);
[[nodiscard]] std::string distance_text(const std::string& time, WallTime now);

}  // namespace sallyport::ctl
