// Base64url without padding (RFC 7515, section 2), in its one canonical form: bits that belong to no byte are zero.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sallyport::controlplane {

[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

}  // namespace sallyport::controlplane
