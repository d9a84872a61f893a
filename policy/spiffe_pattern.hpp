// The patterns of spiffe: selectors: "spiffe://*.example.org/ns/pos/sa/*", where `*` stands for one or more characters,
// but never for a '.' or a '/'. Both sides may be hostile: a name is what a certificate says.
#pragma once

#include <string_view>

namespace sallyport::policy {

// The whole of `name`. Takes at most pattern.size() * name.size() steps and no memory.
[[nodiscard]] bool spiffe_pattern_matches(std::string_view pattern, std::string_view name) noexcept;

}  // namespace sallyport::policy
