// What a TLS server shows and asks for: its certificate chain, its private key, and whether clients may prove one of
// their own. TLS 1.2 and 1.3 with forward secrecy and AEAD; no renegotiation, compression, early data or resumption, so
// every connection has proven what it says. Immutable: certificates that change are a new context. Any thread.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

struct ssl_ctx_st;

namespace sallyport::controlplane {

class TlsServerContext {
 public:
  using TimePoint = std::chrono::sys_seconds;
  struct Settings {
    // PEM of CAs whose names a client is shown, so that it can choose a certificate. None: it chooses freely.
    std::span<const std::string> client_cas;
    // A client may show a certificate. Only its private key is checked, by TLS itself; who vouches for it is the
    // caller's to judge. One that shows none is as welcome.
    bool ask_for_certificate = false;
  };
  // The leaf first, then its intermediates; the key of the leaf. An error says what was expected.
  [[nodiscard]] static tl::expected<std::shared_ptr<TlsServerContext>, std::string> make(
      std::string_view certificate_chain_pem, std::string_view private_key_pem, const Settings& settings);

  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  [[nodiscard]] TimePoint not_before() const;  // of the leaf
  [[nodiscard]] TimePoint not_after() const;
  // Why clients will refuse the leaf at this time; empty: they will not for its dates.
  [[nodiscard]] std::string warning(TimePoint now) const;

  [[nodiscard]] ssl_ctx_st* native() const;  // SSL_CTX, not owned

  static constexpr std::size_t chain_max = 16;                  // certificates of a chain, ours and a client's
  static constexpr std::size_t client_chain_bytes_max = 65536;  // of a client's Certificate message
  static constexpr std::size_t client_cas_max = 256;            // names; with more of them none is shown

 private:
  struct Impl;
  explicit TlsServerContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
