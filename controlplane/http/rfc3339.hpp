// Instants as the API reads them: "2026-11-23T09:00:00Z", "2026-11-23T10:00:00+01:00".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane {

// RFC 3339 without fractions, from 1970 on: "Z" or an offset like "+01:00" at its end.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text);
[[nodiscard]] std::chrono::sys_seconds wall_clock(const RequestTime& time);

}  // namespace sallyport::controlplane
