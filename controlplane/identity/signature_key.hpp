// One public key of an issuer and the JWS algorithms that it may verify. The key decides which: what the header of a
// token says is compared with it and never trusted (RFC 8725, section 3.1).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/identity/strict_json.hpp"

struct evp_pkey_st;
struct _cjose_jwk_int;

namespace sallyport::controlplane {

enum class KeyFamily : std::uint8_t { rsa, p256, p384, p521, ed25519 };

struct SignatureAlgorithm {
  std::string_view name;  // as in the header
  KeyFamily family;
  std::size_t signature_bytes;  // 0: as long as the modulus
};

// Nothing of "none", HS256 or what else is not in our list.
[[nodiscard]] const SignatureAlgorithm* find_algorithm(std::string_view name);

class SignatureKey {
 public:
  // Nothing: a key of another kind or for another purpose, or not well made. RFC 7517, section 5: such are ignored.
  static std::optional<SignatureKey> from_jwk(const Json& jwk);

  [[nodiscard]] bool fits(const SignatureAlgorithm& algorithm) const;
  // `token` is the whole token: a JWS in compact form whose header names `algorithm`, which fits; `signature` its last
  // part, decoded. May be called from several threads at once: verifying only reads the key.
  [[nodiscard]] bool verifies(const SignatureAlgorithm& algorithm, std::string_view token,
                              std::string_view signature) const;

  [[nodiscard]] std::string_view kind() const;  // "RSA", "EC P-256", "Ed25519"
  // RFC 7638. What a key that has no kid is called.
  [[nodiscard]] const std::string& thumbprint() const { return thumbprint_; }

  static constexpr std::size_t rsa_bits_min = 2048, rsa_bits_max = 8192;

 private:
  struct FreeEvp {
    void operator()(evp_pkey_st* key) const;
  };
  struct FreeJwk {
    void operator()(_cjose_jwk_int* key) const;
  };

  bool read_rsa(const Json& jwk);
  bool read_ec(const Json& jwk);
  bool read_ed25519(const Json& jwk);

  KeyFamily family_ = KeyFamily::rsa;
  std::size_t modulus_bytes_ = 0;
  std::string only_algorithm_;  // the JWK's "alg"; empty: any that fits the family
  std::string thumbprint_;
  std::unique_ptr<_cjose_jwk_int, FreeJwk> jwk_;  // RSA and EC
  std::unique_ptr<evp_pkey_st, FreeEvp> evp_;     // Ed25519, which cjose does not know
};

}  // namespace sallyport::controlplane
