#include "tools/ctl/key_material.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include <ostream>

#include "config/base/check.hpp"

namespace sallyport::ctl {

Secret<key_bytes> generate_preshared_key() {
  SP_CHECK(sodium_init() >= 0);
  Secret<key_bytes> key;
  randombytes_buf(key.expose_mutable().data(), key_bytes);
  return key;
}

Secret<key_bytes> generate_private_key() {
  Secret<key_bytes> key = generate_preshared_key();
  const auto bytes = key.expose_mutable();
  bytes[0] &= 0xf8;
  bytes[31] = static_cast<std::uint8_t>((bytes[31] & 0x7f) | 0x40);
  return key;
}

PublicKey public_key_of(const Secret<key_bytes>& private_key) {
  PublicKey public_key{};
  SP_CHECK(sodium_init() >= 0);
  SP_CHECK(crypto_scalarmult_base(public_key.data(), private_key.expose().data()) == 0);
  return public_key;
}

std::optional<Secret<key_bytes>> read_key_text(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(space) - first + 1);
  auto bytes = decode_key(text);
  if (!bytes) return std::nullopt;
  Secret<key_bytes> key(*bytes);
  sodium_memzero(bytes->data(), bytes->size());
  return key;
}

void warn_if_others_can_read(const Terminal& terminal) {
  struct ::stat file {};
  if (terminal.out_descriptor < 0 || ::fstat(terminal.out_descriptor, &file) != 0 || !S_ISREG(file.st_mode)) return;
  if ((file.st_mode & 077) != 0)
    terminal.err
        << "warning: others can read the file that this key is written to; use 'umask 077' before, or chmod 600\n";
}

SecretText::SecretText(const Secret<key_bytes>& secret) : text_(encode_key(secret.expose())) {}

SecretText::~SecretText() {
  sodium_memzero(text_.data(), text_.size());
}

}  // namespace sallyport::ctl
