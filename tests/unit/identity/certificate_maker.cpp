#include "tests/unit/identity/certificate_maker.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "config/base/check.hpp"

namespace sallyport::controlplane {
namespace {

using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

void add_extension(X509* certificate, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SP_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

void set_name(X509_NAME* name, const std::string& common_name) {
  SP_CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(common_name.data()),
                                      static_cast<int>(common_name.size()), -1, 0) == 1);
}

void sign(X509* certificate, const TestKey& key, bool sha1) {
  const bool one_shot = EVP_PKEY_is_a(key.get(), "ED25519") == 1;
  SP_CHECK(X509_sign(certificate, key.get(), one_shot ? nullptr : sha1 ? EVP_sha1() : EVP_sha256()) > 0);
}

TestCertificate make(const CertificateRequest& request, const TestKey& key, const std::string& issuer,
                     const TestKey& issuer_key) {
  static long serial = 0;
  const CertificatePtr certificate(X509_new(), X509_free);
  X509* made = certificate.get();
  SP_CHECK(X509_set_version(made, X509_VERSION_3) == 1);
  SP_CHECK(ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial) == 1);
  set_name(X509_get_subject_name(made), request.subject);
  set_name(X509_get_issuer_name(made), issuer);
  ASN1_TIME_set(X509_getm_notBefore(made), request.not_before.time_since_epoch().count());
  ASN1_TIME_set(X509_getm_notAfter(made), request.not_after.time_since_epoch().count());
  SP_CHECK(X509_set_pubkey(made, key.get()) == 1);
  add_extension(made, NID_basic_constraints, request.basic_constraints);
  add_extension(made, NID_key_usage, request.key_usage);
  add_extension(made, NID_ext_key_usage, request.extended_key_usage);
  add_extension(made, NID_subject_alt_name, request.alternative_names);
  add_extension(made, NID_name_constraints, request.name_constraints);
  sign(made, issuer_key, request.sha1);
  TestCertificate result{key, request.subject, {}};
  result.der.resize(static_cast<std::size_t>(i2d_X509(made, nullptr)));
  unsigned char* out = result.der.data();
  SP_CHECK(i2d_X509(made, &out) > 0);
  return result;
}

}  // namespace

std::string TestCertificate::pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  SP_CHECK(PEM_write_bio(bio.get(), PEM_STRING_X509, "", der.data(), static_cast<long>(der.size())) > 0);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

TestCertificate self_signed(const CertificateRequest& request, const TestKey& key) {
  return make(request, key, request.subject, key);
}

TestCertificate signed_by(const TestCertificate& issuer, const CertificateRequest& request, const TestKey& key) {
  return make(request, key, issuer.subject, issuer.key);
}

CertificateRequest authority(std::string subject, policy::TimePoint now) {
  CertificateRequest request;
  request.subject = std::move(subject);
  request.basic_constraints = "critical,CA:TRUE";
  request.key_usage = "critical,keyCertSign,cRLSign";
  request.extended_key_usage.clear();
  request.not_before = now - std::chrono::days(365);
  request.not_after = now + std::chrono::days(365);
  return request;
}

CertificateRequest workload(const std::string& spiffe_id, policy::TimePoint now) {
  CertificateRequest request;
  request.alternative_names = "URI:" + spiffe_id;
  request.not_before = now - std::chrono::hours(1);
  request.not_after = now + std::chrono::hours(1);
  return request;
}

}  // namespace sallyport::controlplane
