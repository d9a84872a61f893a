// BLAKE2s as the white paper uses it (section 5.4): HASH, the keyed MAC of 16 bytes, HMAC over HASH, and the KDFs built
// on that HMAC. Computed by OpenSSL 3. Every function may be called from any thread. Results that are key material are
// Secret; intermediate values are wiped. None of them fails: an error of the library is a bug of ours and aborts.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "config/base/secret.hpp"
#include "controlplane/wireguard/constants.hpp"

namespace sallyport::wireguard {

using Bytes = std::span<const std::uint8_t>;
using Hash = std::array<std::uint8_t, hash_bytes>;
using Mac = std::array<std::uint8_t, mac_bytes>;

inline Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// HASH(part || part || ...)
[[nodiscard]] Hash hash(std::initializer_list<Bytes> parts);

// MAC(key, part || part || ...): keyed BLAKE2s with 16 bytes of output. The key has 1 to 32 bytes.
[[nodiscard]] Mac mac(Bytes key, std::initializer_list<Bytes> parts);

// HMAC(key, part || part || ...) over HASH, RFC 2104. The key has at most 64 bytes.
[[nodiscard]] Secret<hash_bytes> hmac(Bytes key, std::initializer_list<Bytes> parts);

// KDF_n(key, input): n chained outputs. "first" is the paper's tau_1.
struct TwoKeys {
  Secret<hash_bytes> first;
  Secret<hash_bytes> second;
};
struct ThreeKeys {
  Secret<hash_bytes> first;
  Secret<hash_bytes> second;
  Secret<hash_bytes> third;
};
[[nodiscard]] Secret<hash_bytes> kdf1(Bytes key, Bytes input);
[[nodiscard]] TwoKeys kdf2(Bytes key, Bytes input);
[[nodiscard]] ThreeKeys kdf3(Bytes key, Bytes input);

// Compares without telling by its duration where two MACs differ.
[[nodiscard]] bool equal_in_constant_time(const Mac& left, const Mac& right) noexcept;

}  // namespace sallyport::wireguard
