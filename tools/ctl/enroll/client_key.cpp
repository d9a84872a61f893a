#include "tools/ctl/enroll/client_key.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "config/base/check.hpp"
#include "config/read_file.hpp"
#include "config/secret_files.hpp"
#include "tools/ctl/enroll/private_file.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"
#include "tools/ctl/key_material.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::size_t longest_wg_quick_bytes = 256 * 1024;

}  // namespace

tl::expected<PrivateKey, std::string> load_or_make_key(const std::string& path) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) == 0 || errno != ENOENT) return config::read_key_file(path);
  PrivateKey key = generate_private_key();
  if (const auto saved = save_key(path, key); !saved) return tl::unexpected(saved.error());
  return key;
}

tl::expected<void, std::string> save_key(const std::string& path, const PrivateKey& key) {
  const SecretText text(key);
  const WipedText line(std::string(text.view()) + '\n');
  return write_private_file(path, line.expose());
}

PrivateKey key_of_wg_quick_file(const std::string& path) {
  constexpr std::string_view name = "\nPrivateKey = ";
  auto file = config::read_file(path, longest_wg_quick_bytes);
  if (!file) return generate_private_key();
  const WipedText text(std::move(file->text));
  const std::size_t at = text.expose().find(name);
  if (at == std::string_view::npos) return generate_private_key();
  const std::string_view rest = text.expose().substr(at + name.size());
  auto key = read_key_text(rest.substr(0, rest.find('\n')));
  return key ? std::move(*key) : generate_private_key();
}

std::string nonce_of(const PublicKey& key) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
  SP_CHECK(crypto_hash_sha256(hash.data(), key.data(), key.size()) == 0);
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::array<char, sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, variant)> text{};
  sodium_bin2base64(text.data(), text.size(), hash.data(), hash.size(), variant);
  return text.data();
}

}  // namespace sallyport::ctl
