// WireGuard's text form of a 32-byte key: standard base64 with padding, 44 characters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport {

inline constexpr std::size_t key_bytes = 32;
using PublicKey = std::array<std::uint8_t, key_bytes>;

// Constant in time over the characters; anything but exactly 44 canonical characters is nullopt.
[[nodiscard]] std::optional<PublicKey> decode_key(std::string_view text);
[[nodiscard]] std::string encode_key(std::span<const std::uint8_t, key_bytes> key);

}  // namespace sallyport
