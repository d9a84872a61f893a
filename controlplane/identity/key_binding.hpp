// A token bound to one WireGuard key: whoever asked for it put the hash of the key into the nonce, so a token that was
// stolen is of no use with another key.
#pragma once

#include <string_view>

#include "config/base/base64.hpp"

namespace sallyport::controlplane {

// SHA-256 of the 32 bytes of the key or of its base64 text; in hexadecimal, base64 or base64url, with or without
// padding.
[[nodiscard]] bool is_hash_of_key(std::string_view nonce, const PublicKey& key);

}  // namespace sallyport::controlplane
