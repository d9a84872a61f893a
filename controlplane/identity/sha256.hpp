// SHA-256 of a few bytes, by libsodium.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sodium.h>

namespace sallyport::controlplane {

using Sha256 = std::array<std::uint8_t, crypto_hash_sha256_BYTES>;

[[nodiscard]] inline Sha256 sha256(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  crypto_hash_sha256(hash.data(), bytes.data(), bytes.size());
  return hash;
}

[[nodiscard]] inline Sha256 sha256(std::string_view text) {
  return sha256(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace sallyport::controlplane
