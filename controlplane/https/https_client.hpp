// HTTPS requests to servers that the operator named: JWKS URLs, Kubernetes API servers. TLS 1.2 or later, the server's
// certificate and name are always checked, redirects are not followed, everything has a bound. On the caller's event
// loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

struct HttpsUrl {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 443;
  std::string target = "/";  // path and query
};
[[nodiscard]] tl::expected<HttpsUrl, std::string> parse_https_url(std::string_view url);

struct HttpsRequest {
  HttpsUrl url;
  std::optional<std::string> ca_pem;  // who may vouch for the server; nullopt: the system's CAs
  std::optional<std::string> bearer;  // Authorization: Bearer ...
  std::string accept = "application/json";
  std::chrono::milliseconds connect_timeout{5'000};  // name, TCP and TLS together
  std::chrono::milliseconds answer_timeout{10'000};  // the whole answer; of a stream: its header
  std::chrono::milliseconds idle_timeout{0};         // of a stream: between two pieces; 0: none
  std::size_t body_bytes_max = 1024 * 1024;          // of an answer; of a stream: no bound
};

struct HttpsAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

// A request under way. Destroying it ends it, and none of its callbacks is called any more.
class HttpsCall {
 public:
  virtual ~HttpsCall() = default;
};

class HttpsClient {
 public:
  explicit HttpsClient(boost::asio::io_context& loop);
  ~HttpsClient();

  // The whole answer, whatever its status, or why there is none ("certificate verify failed: ...").
  using OnAnswer = std::function<void(tl::expected<HttpsAnswer, std::string>)>;
  [[nodiscard]] std::unique_ptr<HttpsCall> get(HttpsRequest request, OnAnswer on_answer);

  // An answer that goes on: with status 200 its body in pieces as they come; another status arrives as an answer
  // (with its body, bounded). Ends with on_end, an empty text if the server ended it in good order.
  struct StreamEvents {
    std::function<void(HttpsAnswer)> on_refused;
    std::function<void()> on_open;
    std::function<void(std::string_view)> on_piece;
    std::function<void(const std::string& why)> on_end;
  };
  [[nodiscard]] std::unique_ptr<HttpsCall> stream(HttpsRequest request, StreamEvents events);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
