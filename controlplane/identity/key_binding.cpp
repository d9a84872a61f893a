#include "controlplane/identity/key_binding.hpp"

#include <optional>
#include <string>

#include "controlplane/identity/base64url.hpp"
#include "controlplane/identity/sha256.hpp"

namespace sallyport::controlplane {
namespace {

std::optional<std::string> decode_hexadecimal(std::string_view text) {
  std::string bytes(text.size() / 2, '\0');
  std::size_t length = 0;
  const char* end = nullptr;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(), nullptr,
                     &length, &end) != 0 ||
      end != text.data() + text.size() || length != bytes.size())
    return std::nullopt;
  return bytes;
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::size_t padded = 44;  // of 32 bytes: 43 characters and one '='
  if (text.size() == padded && text.ends_with('=')) text.remove_suffix(1);
  std::string url_safe(text);
  for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return decode_base64url(url_safe);
}

}  // namespace

bool is_hash_of_key(std::string_view nonce, const PublicKey& key) {
  const bool hexadecimal = nonce.size() == 2 * crypto_hash_sha256_BYTES;
  const auto hash = hexadecimal ? decode_hexadecimal(nonce) : decode_base64(nonce);
  if (!hash) return false;
  const auto equals = [&](const Sha256& expected) {
    return *hash == std::string_view(reinterpret_cast<const char*>(expected.data()), expected.size());
  };
  return equals(sha256(key)) || equals(sha256(encode_key(key)));
}

}  // namespace sallyport::controlplane
