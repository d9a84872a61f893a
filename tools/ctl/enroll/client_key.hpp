// The key of this machine's end of the tunnel: in a file of its own, or taken over from what an earlier run left.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/secret.hpp"

namespace sallyport::ctl {

using PrivateKey = Secret<key_bytes>;

// The key in the file; a new one, written there with mode 0600, if there is no such file.
[[nodiscard]] tl::expected<PrivateKey, std::string> load_or_make_key(const std::string& path);
[[nodiscard]] tl::expected<void, std::string> save_key(const std::string& path, const PrivateKey& key);

// The PrivateKey of a wg-quick file that an earlier run wrote, so that the session stays the same; else a new one.
[[nodiscard]] PrivateKey key_of_wg_quick_file(const std::string& path);

// BASE64URL(SHA-256(public key)): the nonce that binds an identity provider's token to this key.
[[nodiscard]] std::string nonce_of(const PublicKey& key);

}  // namespace sallyport::ctl
