// Keys and tokens as an identity provider makes them, good or not: tests, fuzz targets and benchmarks put into header
// and payload what they like. Aborts where OpenSSL fails.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

namespace sallyport::controlplane {

class TestKey {
 public:
  static TestKey rsa(unsigned bits = 2048);  // a new one each time: slow
  // The same seed gives the same key.
  static TestKey ec(const char* curve, std::uint8_t seed);  // "P-256", "P-384", "P-521"
  static TestKey ed25519(std::uint8_t seed);

  // A JWK of the public key. `more` is put behind its members: R"(,"use":"sig")".
  [[nodiscard]] std::string jwk(std::string_view kid, std::string_view more = "") const;
  [[nodiscard]] std::string jwk_without_kid(std::string_view more = "") const;
  // In the form of JWS: what `alg` ("PS256") says, of a key that it fits.
  [[nodiscard]] std::string sign(std::string_view alg, std::string_view text) const;
  [[nodiscard]] std::string public_pem() const;
  [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }

 private:
  explicit TestKey(EVP_PKEY* key);
  std::shared_ptr<EVP_PKEY> key_;
};

// {"keys":[...]}
[[nodiscard]] std::string key_set(const std::vector<std::string>& jwks);

// The compact form of what is given, byte by byte.
[[nodiscard]] std::string compact(std::string_view header, std::string_view payload, std::string_view signature);
[[nodiscard]] std::string sign_token(const TestKey& key, std::string_view alg, std::string_view header,
                                     std::string_view payload);
// With the usual header: alg, kid, typ.
[[nodiscard]] std::string make_token(const TestKey& key, std::string_view alg, std::string_view kid,
                                     std::string_view payload);
[[nodiscard]] std::string hmac_token(std::string_view secret, std::string_view header, std::string_view payload);

}  // namespace sallyport::controlplane
