#include "tests/unit/identity/token_maker.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "config/base/check.hpp"
#include "controlplane/identity/base64url.hpp"

namespace sallyport::controlplane {
namespace {

struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(EC_GROUP* group) const { EC_GROUP_free(group); }
  void operator()(EC_POINT* point) const { EC_POINT_free(point); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::size_t coordinate_bytes(EVP_PKEY* key) {
  return (static_cast<std::size_t>(EVP_PKEY_get_bits(key)) + 7) / 8;
}

std::string number(EVP_PKEY* key, const char* name, std::size_t bytes = 0) {
  BIGNUM* read = nullptr;
  SP_CHECK(EVP_PKEY_get_bn_param(key, name, &read) == 1);
  const Owned<BIGNUM> value(read);
  std::string text(bytes != 0 ? bytes : static_cast<std::size_t>(BN_num_bytes(value.get())), '\0');
  SP_CHECK(BN_bn2binpad(value.get(), reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(text.size())) > 0);
  return encode_base64url(text);
}

std::string public_members(EVP_PKEY* key) {
  const auto member = [](std::string_view name, const std::string& value) {
    return ",\"" + std::string(name) + "\":\"" + value + '"';
  };
  if (EVP_PKEY_is_a(key, "RSA") == 1)
    return R"("kty":"RSA")" + member("n", number(key, OSSL_PKEY_PARAM_RSA_N)) +
           member("e", number(key, OSSL_PKEY_PARAM_RSA_E));
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    const std::size_t bytes = coordinate_bytes(key);
    return R"("kty":"EC")" + member("crv", "P-" + std::to_string(EVP_PKEY_get_bits(key))) +
           member("x", number(key, OSSL_PKEY_PARAM_EC_PUB_X, bytes)) +
           member("y", number(key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes));
  }
  std::string raw(32, '\0');
  std::size_t length = raw.size();
  SP_CHECK(EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &length) == 1);
  return R"("kty":"OKP","crv":"Ed25519")" + member("x", encode_base64url(raw));
}

const EVP_MD* digest_of(std::string_view alg) {
  if (alg.starts_with("Ed")) return nullptr;
  if (alg.ends_with("256")) return EVP_sha256();
  return alg.ends_with("384") ? EVP_sha384() : EVP_sha512();
}

// RFC 7518, section 3.4: r and s in their full length, not in DER.
std::string without_der(EVP_PKEY* key, const std::string& der) {
  const unsigned char* at = bytes_of(der);
  const Owned<ECDSA_SIG> signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  SP_CHECK(signature != nullptr);
  const auto bytes = static_cast<int>(coordinate_bytes(key));
  std::string text(2 * static_cast<std::size_t>(bytes), '\0');
  auto* out = reinterpret_cast<unsigned char*>(text.data());
  SP_CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, bytes) == bytes);
  SP_CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + bytes, bytes) == bytes);
  return text;
}

}  // namespace

TestKey::TestKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {
  SP_CHECK(key != nullptr);
}

TestKey TestKey::rsa(unsigned bits) {
  return TestKey(EVP_RSA_gen(bits));
}

TestKey TestKey::ec(const char* curve, std::uint8_t seed) {
  const int id = EC_curve_nist2nid(curve);
  const Owned<EC_GROUP> group(EC_GROUP_new_by_curve_name(id));
  const Owned<BIGNUM> secret(BN_new());
  const Owned<EC_POINT> point(EC_POINT_new(group.get()));
  SP_CHECK(BN_set_word(secret.get(), 0x5eedULL * 256 + seed) == 1);
  SP_CHECK(EC_POINT_mul(group.get(), point.get(), secret.get(), nullptr, nullptr, nullptr) == 1);
  std::string octets(2 * 66 + 1, '\0');
  octets.resize(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                                   reinterpret_cast<unsigned char*>(octets.data()), octets.size(), nullptr));
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  SP_CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, OBJ_nid2sn(id), 0) == 1);
  SP_CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1);
  SP_CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, octets.data(), octets.size()) == 1);
  const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  SP_CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
  SP_CHECK(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) == 1);
  return TestKey(key);
}

TestKey TestKey::ed25519(std::uint8_t seed) {
  const std::string secret(32, static_cast<char>(seed));
  return TestKey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(secret), secret.size()));
}

std::string TestKey::jwk(std::string_view kid, std::string_view more) const {
  return jwk_without_kid(R"(,"kid":")" + std::string(kid) + '"' + std::string(more));
}

std::string TestKey::jwk_without_kid(std::string_view more) const {
  return '{' + public_members(get()) + std::string(more) + '}';
}

std::string TestKey::sign(std::string_view alg, std::string_view text) const {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  SP_CHECK(EVP_DigestSignInit(context.get(), &parameters, digest_of(alg), nullptr, get()) == 1);
  if (alg.starts_with("PS")) {
    SP_CHECK(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
    SP_CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  std::string signature(1024, '\0');
  std::size_t length = signature.size();
  SP_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, bytes_of(text),
                          text.size()) == 1);
  signature.resize(length);
  return EVP_PKEY_is_a(get(), "EC") == 1 ? without_der(get(), signature) : signature;
}

std::string TestKey::public_pem() const {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  SP_CHECK(PEM_write_bio_PUBKEY(bio.get(), get()) == 1);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

std::string key_set(const std::vector<std::string>& jwks) {
  std::string text = R"({"keys":[)";
  for (const std::string& jwk : jwks) text += (&jwk == jwks.data() ? "" : ",") + jwk;
  return text + "]}";
}

std::string compact(std::string_view header, std::string_view payload, std::string_view signature) {
  return encode_base64url(header) + '.' + encode_base64url(payload) + '.' + encode_base64url(signature);
}

std::string sign_token(const TestKey& key, std::string_view alg, std::string_view header, std::string_view payload) {
  const std::string text = encode_base64url(header) + '.' + encode_base64url(payload);
  return text + '.' + encode_base64url(key.sign(alg, text));
}

std::string make_token(const TestKey& key, std::string_view alg, std::string_view kid, std::string_view payload) {
  const std::string header = R"({"alg":")" + std::string(alg) + R"(","kid":")" + std::string(kid) + R"(","typ":"JWT"})";
  return sign_token(key, alg, header, payload);
}

std::string hmac_token(std::string_view secret, std::string_view header, std::string_view payload) {
  const std::string text = encode_base64url(header) + '.' + encode_base64url(payload);
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  SP_CHECK(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(),
                reinterpret_cast<unsigned char*>(mac.data()), &length) != nullptr);
  mac.resize(length);
  return text + '.' + encode_base64url(mac);
}

}  // namespace sallyport::controlplane
