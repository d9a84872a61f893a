#include "config/base/base64.hpp"

#include <sodium.h>

namespace sallyport {
namespace {

constexpr std::size_t key_characters = 44;

}  // namespace

std::optional<PublicKey> decode_key(std::string_view text) {
  PublicKey key{};
  std::size_t length = 0;
  if (text.size() != key_characters) return std::nullopt;
  if (sodium_base642bin(key.data(), key.size(), text.data(), text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  if (length != key.size()) return std::nullopt;
  return key;
}

std::string encode_key(std::span<const std::uint8_t, key_bytes> key) {
  char buffer[key_characters + 1];
  sodium_bin2base64(buffer, sizeof buffer, key.data(), key.size(), sodium_base64_VARIANT_ORIGINAL);
  std::string text(buffer, key_characters);
  sodium_memzero(buffer, sizeof buffer);
  return text;
}

}  // namespace sallyport
