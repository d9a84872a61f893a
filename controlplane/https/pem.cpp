#include "controlplane/https/pem.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace sallyport::controlplane {
namespace {

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;

// Without a callback OpenSSL would ask on the terminal.
int refuse_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

tl::expected<BioPtr, std::string> open_text(std::string_view pem) {
  if (pem.size() > pem_bytes_max)
    return tl::unexpected("expected PEM of " + std::to_string(pem_bytes_max) + " bytes at most, got " +
                          std::to_string(pem.size()));
  BioPtr text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!text) return tl::unexpected(take_openssl_error());
  ERR_clear_error();
  return text;
}

bool at_end() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(error);
}

tl::expected<std::vector<CertificatePtr>, std::string> certificates_of(std::string_view pem, std::size_t most) {
  auto text = open_text(pem);
  if (!text) return tl::unexpected(text.error());
  std::vector<CertificatePtr> certificates;
  bool asked = false;
  while (CertificatePtr certificate{PEM_read_bio_X509(text->get(), nullptr, refuse_passphrase, &asked)}) {
    if (certificates.size() == most)
      return tl::unexpected("expected " + std::to_string(most) + " certificates at most, got more");
    certificates.push_back(std::move(certificate));
  }
  const bool ended = at_end();
  const std::string error = take_openssl_error();
  if (!ended) return tl::unexpected("certificate " + std::to_string(certificates.size() + 1) + ": " + error);
  if (certificates.empty()) return tl::unexpected(std::string("expected a certificate in PEM, found none"));
  return certificates;
}

tl::expected<PrivateKeyPtr, std::string> private_key_of(std::string_view pem) {
  auto text = open_text(pem);
  if (!text) return tl::unexpected(text.error());
  bool asked = false;
  PrivateKeyPtr key(PEM_read_bio_PrivateKey(text->get(), nullptr, refuse_passphrase, &asked));
  const bool none = pem.find("PRIVATE KEY-----") == std::string_view::npos;  // decoders of OpenSSL 3 do not tell
  const std::string error = key ? std::string() : take_openssl_error();
  if (asked) return tl::unexpected(std::string("the private key is encrypted, expected one without a passphrase"));
  if (none) return tl::unexpected(std::string("expected a private key in PEM, found none"));
  if (!key) return tl::unexpected("the private key cannot be read: " + error);
  return key;
}

std::string distinguished_name_of(const X509& certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (!out) return {};
  X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace sallyport::controlplane
