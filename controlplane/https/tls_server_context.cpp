#include "controlplane/https/tls_server_context.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <openssl/ssl.h>

#include "controlplane/https/pem.hpp"

namespace sallyport::controlplane {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using TimePoint = TlsServerContext::TimePoint;

constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// Of all names in a CertificateRequest: half of what its 16-bit length can say.
constexpr std::size_t client_ca_bytes_max = 32768;
constexpr std::size_t cas_of_file_max = 1024;

tl::unexpected<std::string> failed(const std::string& what) {
  return tl::unexpected(what + ": " + take_openssl_error());
}

tl::expected<TimePoint, std::string> time_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return failed("the certificate has a date that cannot be read");
  return TimePoint(std::chrono::seconds(::timegm(&fields)));
}

// In place of OpenSSL's own check of the chain. What TLS itself checks, CertificateVerify, stays.
int accept_chain(X509_STORE_CTX* store, void*) {
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_untrusted(store);
  if (std::cmp_greater(sk_X509_num(chain), TlsServerContext::chain_max)) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_CHAIN_TOO_LONG);
    return 0;
  }
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

// RFC 7301: a client that offers HTTP/1.1 hears so; one that offers other protocols alone may still try.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in,
                    unsigned int in_bytes, void*) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_bytes, ours.data(), ours.size(), in, in_bytes) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool restrict_protocol(SSL_CTX& context) {
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(&context, 0);
  SSL_CTX_set_alpn_select_cb(&context, choose_protocol, nullptr);
  return SSL_CTX_set_num_tickets(&context, 0) == 1 && SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(&context, tls12_ciphers) == 1;
}

tl::expected<void, std::string> use_identity(SSL_CTX& context, const std::vector<CertificatePtr>& chain,
                                             EVP_PKEY& key) {
  X509* leaf = chain.front().get();
  if (X509_check_private_key(leaf, &key) != 1) {
    (void)take_openssl_error();
    return tl::unexpected("the private key does not fit the first certificate, that of " +
                          distinguished_name_of(*leaf));
  }
  if (SSL_CTX_use_certificate(&context, leaf) != 1) return failed("the certificate cannot be used");
  if (SSL_CTX_use_PrivateKey(&context, &key) != 1) return failed("the private key cannot be used");
  for (std::size_t i = 1; i < chain.size(); ++i)
    if (SSL_CTX_add1_chain_cert(&context, chain[i].get()) != 1)
      return failed("certificate " + std::to_string(i + 1) + " cannot be used");
  return {};
}

// Hints: too many of them are worse than none, for then a client chooses freely.
tl::expected<void, std::string> show_cas(SSL_CTX& context, std::span<const std::string> texts) {
  std::vector<CertificatePtr> shown;
  std::size_t bytes = 0;
  for (const std::string& text : texts) {
    auto certificates = certificates_of(text, cas_of_file_max);
    if (!certificates) return tl::unexpected("a CA of clients: " + certificates.error());
    for (CertificatePtr& certificate : *certificates) {
      const X509_NAME* name = X509_get_subject_name(certificate.get());
      const auto has_name = [&](const CertificatePtr& other) {
        return X509_NAME_cmp(X509_get_subject_name(other.get()), name) == 0;
      };
      if (std::any_of(shown.begin(), shown.end(), has_name)) continue;
      bytes += static_cast<std::size_t>(std::max(0, i2d_X509_NAME(name, nullptr)));
      if (shown.size() == TlsServerContext::client_cas_max || bytes > client_ca_bytes_max) return {};
      shown.push_back(std::move(certificate));
    }
  }
  for (const CertificatePtr& certificate : shown)
    if (SSL_CTX_add_client_CA(&context, certificate.get()) != 1) return failed("a CA of clients");
  return {};
}

}  // namespace

struct TlsServerContext::Impl {
  ContextPtr context;
  TimePoint not_before, not_after;
};

TlsServerContext::TlsServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TlsServerContext::~TlsServerContext() = default;

tl::expected<std::shared_ptr<TlsServerContext>, std::string> TlsServerContext::make(
    std::string_view certificate_chain_pem, std::string_view private_key_pem, const Settings& settings) {
  const auto chain = certificates_of(certificate_chain_pem, chain_max);
  if (!chain) return tl::unexpected(chain.error());
  const auto key = private_key_of(private_key_pem);
  if (!key) return tl::unexpected(key.error());
  auto impl = std::make_unique<Impl>();
  impl->context.reset(SSL_CTX_new(TLS_server_method()));
  if (!impl->context || !restrict_protocol(*impl->context)) return failed("TLS cannot be set up");
  if (auto used = use_identity(*impl->context, *chain, **key); !used) return tl::unexpected(used.error());
  const auto not_before = time_of(X509_get0_notBefore(chain->front().get()));
  const auto not_after = time_of(X509_get0_notAfter(chain->front().get()));
  if (!not_before || !not_after) return tl::unexpected(not_before ? not_after.error() : not_before.error());
  impl->not_before = *not_before;
  impl->not_after = *not_after;
  if (settings.ask_for_certificate) {
    if (auto shown = show_cas(*impl->context, settings.client_cas); !shown) return tl::unexpected(shown.error());
    SSL_CTX_set_verify(impl->context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(impl->context.get(), accept_chain, nullptr);
    SSL_CTX_set_max_cert_list(impl->context.get(), long{client_chain_bytes_max});
  }
  return std::shared_ptr<TlsServerContext>(new TlsServerContext(std::move(impl)));
}

TlsServerContext::TimePoint TlsServerContext::not_before() const {
  return impl_->not_before;
}

TlsServerContext::TimePoint TlsServerContext::not_after() const {
  return impl_->not_after;
}

std::string TlsServerContext::warning(TimePoint now) const {
  const auto hours = [](std::chrono::seconds time) {
    return std::to_string(std::chrono::floor<std::chrono::hours>(time).count()) + " h";
  };
  if (now < impl_->not_before) return "the certificate is not valid yet, for " + hours(impl_->not_before - now);
  if (now >= impl_->not_after) return "the certificate has expired, " + hours(now - impl_->not_after) + " ago";
  return {};
}

ssl_ctx_st* TlsServerContext::native() const {
  return impl_->context.get();
}

}  // namespace sallyport::controlplane
