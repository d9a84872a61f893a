#include "tests/unit/sallyctl/test_certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace sallyport {
namespace {

template <auto free>
struct Freer {
  template <typename Type>
  void operator()(Type* pointer) const {
    free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<::EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<::X509_free>>;
using Memory = std::unique_ptr<BIO, Freer<::BIO_free_all>>;

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) std::abort();
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

}  // namespace

TestIdentity make_certificate(const CertificateWish& wish, const TestIdentity* issuer) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(::X509_new());
  Certificate issuer_certificate;
  Key issuer_key;
  if (issuer != nullptr) {
    const Memory certificate_text(::BIO_new_mem_buf(issuer->certificate.data(), -1));
    const Memory key_text(::BIO_new_mem_buf(issuer->key.data(), -1));
    issuer_certificate.reset(::PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
    issuer_key.reset(::PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  }
  ::X509_set_version(certificate.get(), 2);
  std::uint32_t serial = 0;
  ::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), static_cast<long>(serial & 0x7fffffff) + 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), wish.valid_from_s);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), wish.valid_until_s);
  ::X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
  X509* signer = issuer_certificate ? issuer_certificate.get() : certificate.get();
  ::X509_set_issuer_name(certificate.get(), ::X509_get_subject_name(signer));
  add_extension(certificate.get(), signer, NID_basic_constraints, wish.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!wish.names.empty()) add_extension(certificate.get(), signer, NID_subject_alt_name, joined(wish.names));
  if (::X509_sign(certificate.get(), issuer_key ? issuer_key.get() : key.get(), ::EVP_sha256()) == 0) std::abort();
  const Memory certificate_text(::BIO_new(::BIO_s_mem())), key_text(::BIO_new(::BIO_s_mem()));
  ::PEM_write_bio_X509(certificate_text.get(), certificate.get());
  ::PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}

}  // namespace sallyport
