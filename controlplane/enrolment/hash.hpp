// SHA-256, by which session tokens and the secrets of enrolment keys are remembered, and base64url, in which they are
// handed out (RFC 4648, section 5, without padding).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/enrolment/records.hpp"

namespace sallyport::controlplane {

[[nodiscard]] Hash sha256(std::string_view text);
[[nodiscard]] std::string base64url(std::span<const std::uint8_t> bytes);
[[nodiscard]] std::string hex_of(std::span<const std::uint8_t> bytes);

}  // namespace sallyport::controlplane
