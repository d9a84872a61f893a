#include "controlplane/identity/x509_certificate.hpp"

#include <ctime>

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "config/toml/safe_text.hpp"
#include "controlplane/identity/sha256.hpp"

namespace sallyport::controlplane {
namespace {

using policy::TimePoint;

constexpr std::size_t subject_bytes_max = 256;

std::optional<TimePoint> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return TimePoint(std::chrono::seconds(timegm(&parts)));
}

}  // namespace

X509Ptr parse_certificate(std::span<const std::uint8_t> der) {
  if (der.empty() || der.size() > certificate_bytes_max) return nullptr;
  const unsigned char* at = der.data();
  X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (certificate == nullptr || at != der.data() + der.size()) return nullptr;
  // Reads the extensions into the object, so that threads that share it later only read.
  if (X509_check_purpose(certificate.get(), -1, 0) != 1) return nullptr;
  if ((X509_get_extension_flags(certificate.get()) & EXFLAG_INVALID) != 0) return nullptr;
  return certificate;
}

std::string subject_of(const X509& certificate) {
  const std::unique_ptr<BIO, OpensslDelete<BIO_free>> text(BIO_new(BIO_s_mem()));
  char* bytes = nullptr;
  if (text == nullptr || X509_NAME_print_ex(text.get(), X509_get_subject_name(&certificate), 0,
                                            XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
    return {};
  const long length = BIO_get_mem_data(text.get(), &bytes);
  if (length <= 0) return {};
  return config::escaped({bytes, static_cast<std::size_t>(length)}, subject_bytes_max);
}

std::string key_id_of(const X509& certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
  if (length <= 0) return {};
  const Sha256 hash = sha256(std::span<const std::uint8_t>(der, static_cast<std::size_t>(length)));
  OPENSSL_free(der);
  std::string text(2 * hash.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  text.pop_back();
  return text;
}

std::optional<TimePoint> not_before_of(const X509& certificate) {
  return time_of(X509_get0_notBefore(&certificate));
}

std::optional<TimePoint> not_after_of(const X509& certificate) {
  return time_of(X509_get0_notAfter(&certificate));
}

std::optional<std::vector<std::string>> uri_names_of(const X509& certificate) {
  int found = 0;  // -1: there is none; -2: there are several
  const std::unique_ptr<GENERAL_NAMES, OpensslDelete<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, &found, nullptr)));
  std::vector<std::string> uris;
  if (names == nullptr) return found == -1 ? std::optional(uris) : std::nullopt;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return uris;
}

}  // namespace sallyport::controlplane
