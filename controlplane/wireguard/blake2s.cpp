#include "controlplane/wireguard/blake2s.hpp"

#include <memory>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "config/base/check.hpp"

namespace sallyport::wireguard {
namespace {

constexpr std::size_t block_bytes = 64;

template <auto Release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const noexcept {
    Release(object);
  }
};

// A fetch walks the provider's tables, so it is done once. The objects live as long as the process.
const EVP_MD* blake2s_256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr);
  SP_CHECK(algorithm != nullptr);
  return algorithm;
}

EVP_MAC* blake2s_mac() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "BLAKE2SMAC", nullptr);
  SP_CHECK(algorithm != nullptr);
  return algorithm;
}

// One context a thread. The provider wipes its state when a digest is finished.
EVP_MD_CTX* hash_context() {
  thread_local const std::unique_ptr<EVP_MD_CTX, Releaser<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  SP_CHECK(context != nullptr);
  return context.get();
}

void hash_into(std::span<std::uint8_t, hash_bytes> out, Bytes prefix, std::initializer_list<Bytes> parts) {
  EVP_MD_CTX* const context = hash_context();
  SP_CHECK(EVP_DigestInit_ex2(context, blake2s_256(), nullptr) == 1);
  SP_CHECK(EVP_DigestUpdate(context, prefix.data(), prefix.size()) == 1);
  for (const Bytes part : parts) SP_CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  unsigned written = 0;
  SP_CHECK(EVP_DigestFinal_ex(context, out.data(), &written) == 1);
  SP_CHECK(written == hash_bytes);
}

}  // namespace

Hash hash(std::initializer_list<Bytes> parts) {
  Hash out;
  hash_into(out, {}, parts);
  return out;
}

Mac mac(Bytes key, std::initializer_list<Bytes> parts) {
  SP_CHECK(!key.empty() && key.size() <= key_bytes);
  const std::unique_ptr<EVP_MAC_CTX, Releaser<EVP_MAC_CTX_free>> context(EVP_MAC_CTX_new(blake2s_mac()));
  SP_CHECK(context != nullptr);
  std::size_t size = mac_bytes;
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
  SP_CHECK(EVP_MAC_init(context.get(), key.data(), key.size(), parameters) == 1);
  for (const Bytes part : parts) SP_CHECK(EVP_MAC_update(context.get(), part.data(), part.size()) == 1);
  Mac out;
  std::size_t written = 0;
  SP_CHECK(EVP_MAC_final(context.get(), out.data(), &written, out.size()) == 1);
  SP_CHECK(written == mac_bytes);
  return out;
}

Secret<hash_bytes> hmac(Bytes key, std::initializer_list<Bytes> parts) {
  SP_CHECK(key.size() <= block_bytes);
  Secret<block_bytes> inner_pad;
  Secret<block_bytes> outer_pad;
  for (std::size_t i = 0; i < block_bytes; ++i) {
    const std::uint8_t byte = i < key.size() ? key[i] : std::uint8_t{0};
    inner_pad.expose_mutable()[i] = static_cast<std::uint8_t>(byte ^ 0x36);
    outer_pad.expose_mutable()[i] = static_cast<std::uint8_t>(byte ^ 0x5c);
  }
  Secret<hash_bytes> out;
  hash_into(out.expose_mutable(), inner_pad.expose(), parts);
  hash_into(out.expose_mutable(), outer_pad.expose(), {out.expose()});
  return out;
}

// Section 5.4: tau_0 = HMAC(key, input), tau_1 = HMAC(tau_0, 0x1), tau_i = HMAC(tau_0, tau_{i-1} || i).
namespace {

constexpr std::uint8_t one[] = {1};
constexpr std::uint8_t two[] = {2};
constexpr std::uint8_t three[] = {3};

}  // namespace

Secret<hash_bytes> kdf1(Bytes key, Bytes input) {
  const Secret<hash_bytes> extracted = hmac(key, {input});
  return hmac(extracted.expose(), {one});
}

TwoKeys kdf2(Bytes key, Bytes input) {
  const Secret<hash_bytes> extracted = hmac(key, {input});
  TwoKeys keys;
  keys.first = hmac(extracted.expose(), {one});
  keys.second = hmac(extracted.expose(), {keys.first.expose(), two});
  return keys;
}

ThreeKeys kdf3(Bytes key, Bytes input) {
  const Secret<hash_bytes> extracted = hmac(key, {input});
  ThreeKeys keys;
  keys.first = hmac(extracted.expose(), {one});
  keys.second = hmac(extracted.expose(), {keys.first.expose(), two});
  keys.third = hmac(extracted.expose(), {keys.second.expose(), three});
  return keys;
}

bool equal_in_constant_time(const Mac& left, const Mac& right) noexcept {
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace sallyport::wireguard
