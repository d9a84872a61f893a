// The words for a string of a policy file that is not what it should be.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "config/toml/value.hpp"

namespace sallyport::policy {

// "expected EXPECTED, got the string "TEXT"", made safe to print.
[[nodiscard]] inline tl::unexpected<std::string> mismatch(std::string_view expected, std::string_view text) {
  return tl::unexpected<std::string>("expected " + std::string(expected) + ", got the string " +
                                     config::in_quotes(text));
}

}  // namespace sallyport::policy
