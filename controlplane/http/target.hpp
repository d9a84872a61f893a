// The request target (RFC 9112, 3.2.1, origin-form) taken apart: decoded path segments and query parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::controlplane {

struct Target {
  std::vector<std::string> segments;  // "/v1/peers/ann%20b" -> "v1", "peers", "ann b"
  std::vector<std::pair<std::string, std::string>> query;

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

inline constexpr std::size_t longest_target_bytes = 4096;
inline constexpr std::size_t most_target_parts = 16;  // segments, and parameters

// Nothing if it does not start with '/', is too long, has an empty segment (other than one trailing '/'), a broken
// percent-encoding, or decodes to a control byte.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);

}  // namespace sallyport::controlplane
