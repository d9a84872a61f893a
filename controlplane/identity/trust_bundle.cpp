#include "controlplane/identity/trust_bundle.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "config/toml/value.hpp"
#include "controlplane/identity/openssl_error_queue.hpp"

namespace sallyport::controlplane {
namespace {

using Bundle = TrustBundle::Impl;
using Problem = tl::unexpected<std::string>;

// One block of a PEM text.
struct PemBlock {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

// Nothing: there is none any more.
tl::expected<std::optional<PemBlock>, std::string> next_block(BIO& text) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  long length = 0;
  if (PEM_read_bio(&text, &name, &header, &bytes, &length) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) return std::nullopt;
    return Problem("malformed PEM");
  }
  PemBlock block{name, {bytes, bytes + length}};
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(bytes);
  return block;
}

tl::expected<void, std::string> add(Bundle& impl, const PemBlock& block) {
  // A private key in a file of public ones is a mishap that somebody should hear of.
  if (block.name != PEM_STRING_X509) return Problem("expected a CERTIFICATE, got " + config::in_quotes(block.name));
  X509Ptr certificate = parse_certificate(block.bytes);
  if (certificate == nullptr) return Problem("not a certificate");
  TrustBundle::CertificateInfo info;
  info.subject = subject_of(*certificate);
  if (X509_check_ca(certificate.get()) != 1) return Problem("not a CA certificate: " + info.subject);
  info.key_id = key_id_of(*certificate);
  const auto not_before = not_before_of(*certificate);
  const auto not_after = not_after_of(*certificate);
  if (info.key_id.empty() || !not_before || !not_after) return Problem("no usable key or times: " + info.subject);
  info.not_before = *not_before;
  info.not_after = *not_after;
  if (impl.find(*certificate) != nullptr) return {};
  if (X509_STORE_add_cert(impl.store.get(), certificate.get()) != 1) return Problem("cannot be used: " + info.subject);
  impl.infos.push_back(std::move(info));
  impl.certificates.push_back(std::move(certificate));
  return {};
}

}  // namespace

const TrustBundle::CertificateInfo* Bundle::find(const X509& certificate) const {
  for (std::size_t i = 0; i < certificates.size(); ++i)
    if (X509_cmp(certificates[i].get(), &certificate) == 0) return &infos[i];
  return nullptr;
}

tl::expected<std::shared_ptr<const TrustBundle>, std::string> TrustBundle::parse(std::string_view pem) {
  const CleanErrorQueue errors;
  if (pem.size() > bytes_max)
    return Problem("expected at most " + std::to_string(bytes_max) + " bytes, got " + std::to_string(pem.size()));
  if (pem.empty()) return tl::make_unexpected("expected CA certificates in PEM, got nothing");
  const std::unique_ptr<BIO, OpensslDelete<BIO_free>> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto impl = std::make_unique<Impl>();
  impl->store.reset(X509_STORE_new());
  if (text == nullptr || impl->store == nullptr) return tl::make_unexpected("out of memory");
  for (std::size_t number = 1;; ++number) {
    const auto where = [&](const std::string& what) { return "block " + std::to_string(number) + ": " + what; };
    const auto block = next_block(*text);
    if (!block) return Problem(where(block.error()));
    if (!*block) break;
    if (number > certificates_max)
      return Problem("expected at most " + std::to_string(certificates_max) + " certificates");
    if (auto added = add(*impl, **block); !added) return Problem(where(added.error()));
  }
  if (impl->infos.empty()) return tl::make_unexpected("expected CA certificates in PEM, got none");
  return std::make_shared<const TrustBundle>(std::move(impl));
}

TrustBundle::TrustBundle(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrustBundle::~TrustBundle() = default;

const std::vector<TrustBundle::CertificateInfo>& TrustBundle::certificates() const {
  return impl_->infos;
}

}  // namespace sallyport::controlplane
