// Selectors as text: "group:sre", "claim:corp/groups=sre", "spiffe://*.example.org/ns/pos/sa/*".
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::policy {

// Without a location. The error is "expected X, got the string "..."". Text is taken as it stands, byte by byte: the
// only '*' are "*" itself and those in a spiffe:// pattern.
[[nodiscard]] tl::expected<Selector, std::string> parse_selector(std::string_view text);

// user, service_account, spiffe without '*', or ike: what a credential proves.
[[nodiscard]] bool is_identity(const Selector& selector);

}  // namespace sallyport::policy
