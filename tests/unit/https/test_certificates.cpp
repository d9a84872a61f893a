#include "tests/unit/https/test_certificates.hpp"

#include <array>
#include <cstdint>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace sallyport::controlplane {
namespace {

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;

std::string text_of(BIO& bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(&bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::string to_pem(const X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), &certificate);
  return text_of(*bio);
}

std::string to_pem(const EVP_PKEY& key, const char* passphrase = nullptr) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, passphrase != nullptr ? EVP_aes_128_cbc() : nullptr, passphrase,
                                passphrase != nullptr ? 4 : 0, nullptr, nullptr);
  return text_of(*bio);
}

void add(X509& certificate, int kind, const std::string& value) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  if (!extension || X509_add_ext(&certificate, extension.get(), -1) != 1) throw std::runtime_error("extension");
}

CertificatePtr make(EVP_PKEY& key, const CertificateOrder& order, EVP_PKEY& signing_key, const X509_NAME* issuer) {
  static long serial = 0;
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), static_cast<long>(order.not_before.count()));
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), static_cast<long>(order.not_after.count()));
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(order.common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), issuer != nullptr ? issuer : subject);
  X509_set_pubkey(certificate.get(), &key);
  add(*certificate, NID_basic_constraints, order.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!order.names.empty()) add(*certificate, NID_subject_alt_name, order.names);
  if (order.padding_bytes > 0) add(*certificate, NID_netscape_comment, std::string(order.padding_bytes, 'x'));
  X509_sign(certificate.get(), &signing_key, EVP_sha256());
  return certificate;
}

}  // namespace

TestCa::TestCa(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  certificate_ = make(*key_, {.common_name = name, .names = "", .ca = true}, *key_, nullptr);
  own_ = {to_pem(*certificate_), to_pem(*key_)};
}

TestIdentity TestCa::issue(const CertificateOrder& order) const {
  const PrivateKeyPtr key(EVP_EC_gen("P-256"));
  const auto certificate = make(*key, order, *key_, X509_get_subject_name(certificate_.get()));
  return {to_pem(*certificate), to_pem(*key)};
}

std::string encrypted(const std::string& key_pem) {
  return to_pem(*private_key_of(key_pem).value(), "pass");
}

TestIdentity with_another_private_key(const TestIdentity& identity) {
  const PrivateKeyPtr own = private_key_of(identity.key_pem).value();
  const PrivateKeyPtr other(EVP_EC_gen("P-256"));
  std::array<unsigned char, 65> point{};
  std::size_t point_bytes = 0;
  EVP_PKEY_get_octet_string_param(own.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &point_bytes);
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(other.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number);
  OSSL_PARAM_BLD* parts = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point_bytes);
  OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_PRIV_KEY, number);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(parts);
  EVP_PKEY* made = nullptr;
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  if (EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, parameters) != 1)
    throw std::runtime_error("key");
  const PrivateKeyPtr key(made);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(parts);
  BN_free(number);
  return {identity.certificate_pem, to_pem(*key)};
}

std::vector<std::uint8_t> der_of(const std::string& certificate_pem) {
  const auto certificates = certificates_of(certificate_pem, 1).value();
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificates.front().get(), &der);
  std::vector<std::uint8_t> bytes(der, der + length);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace sallyport::controlplane
