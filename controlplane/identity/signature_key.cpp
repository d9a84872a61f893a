#include "controlplane/identity/signature_key.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include <cjose/cjose.h>
#include <openssl/evp.h>

#include "controlplane/identity/base64url.hpp"
#include "controlplane/identity/openssl_error_queue.hpp"
#include "controlplane/identity/sha256.hpp"

namespace sallyport::controlplane {
namespace {

constexpr SignatureAlgorithm algorithms[] = {
    {"RS256", KeyFamily::rsa, 0},        {"RS384", KeyFamily::rsa, 0},   {"RS512", KeyFamily::rsa, 0},
    {"PS256", KeyFamily::rsa, 0},        {"PS384", KeyFamily::rsa, 0},   {"PS512", KeyFamily::rsa, 0},
    {"ES256", KeyFamily::p256, 64},      {"ES384", KeyFamily::p384, 96}, {"ES512", KeyFamily::p521, 132},
    {"EdDSA", KeyFamily::ed25519, 64},    // RFC 8037
    {"Ed25519", KeyFamily::ed25519, 64},  // RFC 9864: its newer name
};

struct Curve {
  std::string_view name;
  KeyFamily family;
  cjose_jwk_ec_curve id;
  std::size_t coordinate_bytes;
};
constexpr Curve curves[] = {
    {"P-256", KeyFamily::p256, CJOSE_JWK_EC_P_256, 32},
    {"P-384", KeyFamily::p384, CJOSE_JWK_EC_P_384, 48},
    {"P-521", KeyFamily::p521, CJOSE_JWK_EC_P_521, 66},
};

std::uint8_t* bytes_of(std::string& text) {
  return reinterpret_cast<std::uint8_t*>(text.data());
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::optional<std::string> bytes_member(const Json& jwk, std::string_view name) {
  const std::string* text = text_member(jwk, name);
  return text == nullptr ? std::nullopt : decode_base64url(*text);
}

// RFC 7638, section 3: the required members, sorted, without space. All are base64url or names of ours: nothing to
// escape.
std::string thumbprint_of(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
  std::string text = "{";
  for (const auto& [name, value] : members) {
    if (text.size() > 1) text += ',';
    text += '"' + std::string(name) + "\":\"" + std::string(value) + '"';
  }
  const Sha256 hash = sha256(text + "}");
  return encode_base64url({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

// "key_ops" (RFC 7517, section 4.3), if there is one.
bool may_verify(const Json& jwk) {
  const Json* operations = member(jwk, "key_ops");
  if (operations == nullptr) return true;
  return operations->is_array() && std::any_of(operations->begin(), operations->end(),
                                               [](const Json& operation) { return operation == "verify"; });
}

// Odd, at least 3 (with 1 every text is its own signature), and not so large that verifying takes long.
bool is_sound_exponent(std::string_view e) {
  constexpr std::size_t bytes_max = 8;
  if (e.empty() || e.size() > bytes_max || (e.back() & 1) == 0) return false;
  return e.size() > 1 || static_cast<std::uint8_t>(e[0]) >= 3;
}

std::size_t bits_of(std::string_view number) {  // without leading zeros
  return number.empty() ? 0 : number.size() * 8 - std::countl_zero(static_cast<std::uint8_t>(number[0]));
}

bool verify_by_cjose(const cjose_jwk_t* key, std::string_view token) {
  cjose_err error{};
  cjose_jws_t* jws = cjose_jws_import(token.data(), token.size(), &error);
  if (jws == nullptr) return false;
  const bool good = cjose_jws_verify(jws, key, &error);
  cjose_jws_release(jws);
  return good;
}

bool verify_ed25519(EVP_PKEY* key, std::string_view signed_text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(signed_text),
                          signed_text.size()) == 1;
}

}  // namespace

const SignatureAlgorithm* find_algorithm(std::string_view name) {
  const auto* found = std::find_if(std::begin(algorithms), std::end(algorithms),
                                   [&](const SignatureAlgorithm& algorithm) { return algorithm.name == name; });
  return found == std::end(algorithms) ? nullptr : found;
}

void SignatureKey::FreeEvp::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

void SignatureKey::FreeJwk::operator()(_cjose_jwk_int* key) const {
  cjose_jwk_release(key);
}

// Of a private key that somebody published the public half is read alone.
bool SignatureKey::read_rsa(const Json& jwk) {
  auto n = bytes_member(jwk, "n");
  auto e = bytes_member(jwk, "e");
  if (!n || !e) return false;
  for (std::string* number : {&*n, &*e}) number->erase(0, number->find_first_not_of('\0'));
  const std::size_t bits = bits_of(*n);
  if (bits < rsa_bits_min || bits > rsa_bits_max || (n->back() & 1) == 0 || !is_sound_exponent(*e)) return false;
  cjose_jwk_rsa_keyspec spec{};
  spec.n = bytes_of(*n);
  spec.nlen = n->size();
  spec.e = bytes_of(*e);
  spec.elen = e->size();
  cjose_err error{};
  jwk_.reset(cjose_jwk_create_RSA_spec(&spec, &error));
  modulus_bytes_ = n->size();
  thumbprint_ = thumbprint_of({{"e", encode_base64url(*e)}, {"kty", "RSA"}, {"n", encode_base64url(*n)}});
  return jwk_ != nullptr;
}

// RFC 7518, section 6.2.1: coordinates have their full length. That the point is on the curve is checked by OpenSSL.
bool SignatureKey::read_ec(const Json& jwk) {
  const std::string* name = text_member(jwk, "crv");
  if (name == nullptr) return false;
  const auto* curve =
      std::find_if(std::begin(curves), std::end(curves), [&](const Curve& known) { return known.name == *name; });
  auto x = bytes_member(jwk, "x");
  auto y = bytes_member(jwk, "y");
  if (curve == std::end(curves) || !x || !y) return false;
  if (x->size() != curve->coordinate_bytes || y->size() != curve->coordinate_bytes) return false;
  cjose_jwk_ec_keyspec spec{};
  spec.crv = curve->id;
  spec.x = bytes_of(*x);
  spec.xlen = x->size();
  spec.y = bytes_of(*y);
  spec.ylen = y->size();
  cjose_err error{};
  jwk_.reset(cjose_jwk_create_EC_spec(&spec, &error));
  family_ = curve->family;
  thumbprint_ =
      thumbprint_of({{"crv", curve->name}, {"kty", "EC"}, {"x", encode_base64url(*x)}, {"y", encode_base64url(*y)}});
  return jwk_ != nullptr;
}

bool SignatureKey::read_ed25519(const Json& jwk) {
  constexpr std::size_t bytes = 32;
  const std::string* name = text_member(jwk, "crv");
  const auto x = bytes_member(jwk, "x");
  if (name == nullptr || *name != "Ed25519" || !x || x->size() != bytes) return false;
  evp_.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(std::string_view(*x)), x->size()));
  family_ = KeyFamily::ed25519;
  thumbprint_ = thumbprint_of({{"crv", *name}, {"kty", "OKP"}, {"x", encode_base64url(*x)}});
  return evp_ != nullptr;
}

std::optional<SignatureKey> SignatureKey::from_jwk(const Json& jwk) {
  const CleanErrorQueue errors;
  const std::string* type = text_member(jwk, "kty");
  if (type == nullptr || !may_verify(jwk)) return std::nullopt;
  SignatureKey key;
  const bool read = (*type == "RSA" && key.read_rsa(jwk)) || (*type == "EC" && key.read_ec(jwk)) ||
                    (*type == "OKP" && key.read_ed25519(jwk));
  if (!read) return std::nullopt;
  if (member(jwk, "alg") == nullptr) return key;
  const std::string* name = text_member(jwk, "alg");
  const SignatureAlgorithm* algorithm = name == nullptr ? nullptr : find_algorithm(*name);
  if (algorithm == nullptr || algorithm->family != key.family_) return std::nullopt;
  key.only_algorithm_ = algorithm->name;
  return key;
}

bool SignatureKey::fits(const SignatureAlgorithm& algorithm) const {
  if (algorithm.family != family_) return false;
  return only_algorithm_.empty() || only_algorithm_ == algorithm.name || family_ == KeyFamily::ed25519;
}

bool SignatureKey::verifies(const SignatureAlgorithm& algorithm, std::string_view token,
                            std::string_view signature) const {
  const CleanErrorQueue errors;
  const std::size_t expected_bytes = algorithm.signature_bytes == 0 ? modulus_bytes_ : algorithm.signature_bytes;
  if (!fits(algorithm) || signature.size() != expected_bytes) return false;
  if (evp_ != nullptr) return verify_ed25519(evp_.get(), token.substr(0, token.rfind('.')), signature);
  return verify_by_cjose(jwk_.get(), token);
}

std::string_view SignatureKey::kind() const {
  switch (family_) {
    case KeyFamily::rsa:
      return "RSA";
    case KeyFamily::p256:
      return "EC P-256";
    case KeyFamily::p384:
      return "EC P-384";
    case KeyFamily::p521:
      return "EC P-521";
    case KeyFamily::ed25519:
      return "Ed25519";
  }
  return "unknown";
}

}  // namespace sallyport::controlplane
