// A small HTTP/1.1 server on the caller's event loop, over a Unix or a TCP socket, and every bound that keeps a hostile
// or slow client from hurting the process behind it. All of Boost.Beast is in http_server.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "config/base/ip.hpp"
#include "controlplane/api/http_message.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

struct HttpLimits {
  unsigned connections = 64;  // one more is answered with 503 and closed
  std::uint32_t header_bytes = 16 * 1024;
  std::uint64_t body_bytes = 1024 * 1024;
  std::chrono::milliseconds request_timeout{10'000};  // for a whole request, from the connection on
  std::chrono::milliseconds idle_timeout{30'000};     // for the next request on the same connection
  std::chrono::milliseconds write_timeout{30'000};    // for an answer, or for each piece of a stream
};

class HttpServer {
 public:
  // Called on the event loop's thread. What it throws is answered with 500.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  HttpServer(boost::asio::io_context& loop, Handler handler, HttpLimits limits = {});
  // Closes every connection and ends their streams; the handler is not called again. Removes the Unix socket if it is
  // still ours.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // A socket that a dead process left behind is replaced; one that somebody listens on, or a path that is no socket, is
  // an error. Nobody can connect before the mode is set.
  [[nodiscard]] tl::expected<void, std::string> listen_unix(const std::filesystem::path& path, unsigned mode);
  [[nodiscard]] tl::expected<void, std::string> listen_tcp(const IpEndpoint& endpoint);
  // The port that listen_tcp got, if it was asked for port 0 (tests).
  [[nodiscard]] std::uint16_t tcp_port() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// What the server makes of the bytes of one request: the request, or the status that it is refused with (400 also for
// one that is not complete). The same parser and limits, without a socket.
[[nodiscard]] tl::expected<HttpRequest, unsigned> parse_http_request(std::string_view bytes, const HttpLimits& limits);

}  // namespace sallyport::controlplane
