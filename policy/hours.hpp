// Hours as text: "Mon-Fri 07:00-19:00 Europe/Berlin".
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::policy {

// The error is "expected X, got Y". The zone exists on this machine.
[[nodiscard]] tl::expected<Hours, std::string> parse_hours(std::string_view text);

}  // namespace sallyport::policy
