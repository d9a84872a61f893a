// An HTTPS server in a thread of its own that answers exactly what a test wants, right or wrong. One connection at a
// time, one request each; every wait ends after ten seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/sallyctl/test_certificates.hpp"

namespace sallyport {

struct TlsRequest {
  std::string method, target;
  std::string head;  // with the request line
  std::string body;
  std::string client_subject;  // of the client's certificate: "CN = NAME"; empty: none
};

class TlsServer {
 public:
  using Write = std::function<bool(std::string_view)>;  // false: the client is gone
  using Handler = std::function<void(const TlsRequest&, const Write&)>;

  // `client_ca`: PEM; empty: clients are asked for no certificate.
  TlsServer(const TestIdentity& identity, Handler handler, const std::string& client_ca = {});
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;  // on 127.0.0.1
  [[nodiscard]] std::vector<TlsRequest> requests() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "HTTP/1.1 STATUS ..." with its length.
[[nodiscard]] std::string http_answer(unsigned status, std::string_view body,
                                      std::string_view content_type = "application/json",
                                      std::string_view more_headers = {});

}  // namespace sallyport
