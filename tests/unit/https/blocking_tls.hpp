// One side of a TLS connection that does exactly what a test wants, with OpenSSL alone. Every wait ends after ten
// seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <openssl/ssl.h>

#include "controlplane/https/pem.hpp"
#include "controlplane/https/tls_server_context.hpp"
#include "tests/unit/https/test_certificates.hpp"

namespace sallyport::controlplane {

class BlockingTls {
 public:
  // A client of 127.0.0.1. `identity`: the certificate that it shows, with its chain; null: none.
  static BlockingTls connect(std::uint16_t port, const TestIdentity* identity = nullptr, int version_max = 0);
  // A server on a socket that was accepted.
  static BlockingTls accept(int descriptor, const TlsServerContext& context);
  BlockingTls(BlockingTls&& other) noexcept
      : tls_(std::move(other.tls_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        open_(std::exchange(other.open_, false)),
        version_(std::move(other.version_)) {}
  BlockingTls& operator=(BlockingTls&&) = delete;
  ~BlockingTls() { close(); }

  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  bool send(std::string_view bytes);
  bool drip(std::string_view bytes);  // one record a byte
  [[nodiscard]] std::string receive();
  [[nodiscard]] std::string receive_until(std::string_view end);
  [[nodiscard]] std::string receive_all();
  void end();    // close_notify, then the connection
  void close();  // the connection alone
  [[nodiscard]] SSL* native() { return tls_.get(); }

 private:
  BlockingTls(int descriptor, SSL_CTX* context);
  std::unique_ptr<SSL, OpensslFree<SSL_free>> tls_;
  int descriptor_ = -1;
  bool open_ = false;
  std::string version_;
};

}  // namespace sallyport::controlplane
