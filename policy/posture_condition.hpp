// Conditions on what a device says of itself, as text: "disk_encrypted == true", "os_patch_age_days <= 30".
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::policy {

// The value is true, false, an integer, a decimal number or a text in double quotes; < <= > >= only with numbers. The
// error is "expected X, got the string "..."".
[[nodiscard]] tl::expected<PostureCondition, std::string> parse_posture_condition(std::string_view text);

}  // namespace sallyport::policy
