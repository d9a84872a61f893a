// A small HTTP/1.1 server on the caller's event loop, over a Unix socket, TCP or TLS, and every bound that keeps a
// hostile or slow client from hurting the process behind it. All of Boost.Beast is in http_over_sockets.cpp,
// http_over_tls.cpp and http_parse.cpp.
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
#include "controlplane/http/http_message.hpp"
#include "controlplane/http/tcp_listener.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class TlsServerContext;

struct HttpLimits {
  unsigned connections = 64;           // one more is answered with 503, of TLS with nothing, and closed
  unsigned connections_of_source = 0;  // of one IPv4 address or IPv6 /64; one more is closed at once; 0: no bound
  std::uint32_t header_bytes = 16 * 1024;
  std::uint64_t body_bytes = 1024 * 1024;
  // For a whole request, from the connection on. A TLS handshake counts to it, and has 5 s at most.
  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};   // for the next request on the same connection
  std::chrono::milliseconds write_timeout{30'000};  // for an answer, or for each piece of a stream
};

// Of connections, since the start.
struct HttpCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused_too_many = 0;
  std::uint64_t refused_too_many_of_source = 0;
  std::uint64_t tls_handshakes_failed = 0;  // also for their time
  std::uint64_t malformed = 0;              // requests refused with 400 or 411
  std::uint64_t too_large = 0;              // with 413 or 431
  std::uint64_t timed_out = 0;              // closed for a request or an answer that took too long
};

// Whether a request was refused with this status for the size of its body or header.
[[nodiscard]] constexpr bool is_too_large(unsigned status) noexcept {
  return status == 413 || status == 431;
}

class HttpServer {
 public:
  // Called on the event loop's thread. What it throws is answered with 500.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  // For answers that take a while: the responder is called once, on the event loop's thread, now or later; a client
  // that went away in between does not mind. While it waits the write timeout counts.
  using Responder = std::function<void(HttpResponse)>;
  using AsyncHandler = std::function<void(HttpRequest, Responder)>;

  // Of what is no request, or too large, and was answered with this status. On the event loop's thread; never throws.
  using OnRefused = std::function<void(unsigned status, const IpAddress& source)>;

  HttpServer(boost::asio::io_context& loop, Handler handler, HttpLimits limits = {});
  HttpServer(boost::asio::io_context& loop, AsyncHandler handler, HttpLimits limits = {});
  // Closes every connection and ends their streams; the handler is not called again. Removes the Unix socket if it is
  // still ours.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // A socket that a dead process left behind is replaced; one that somebody listens on, or a path that is no socket, is
  // an error. Nobody can connect before the mode is set.
  [[nodiscard]] tl::expected<void, std::string> listen_unix(const std::filesystem::path& path, unsigned mode);
  [[nodiscard]] tl::expected<void, std::string> listen_tcp(const IpEndpoint& endpoint);
  // In place of listen_tcp.
  [[nodiscard]] tl::expected<void, std::string> accept_tls(TcpListener listener,
                                                           std::shared_ptr<TlsServerContext> context);
  void set_on_refused(OnRefused on_refused);
  // For connections from now on.
  void set_tls_context(std::shared_ptr<TlsServerContext> context);
  // The port that listen_tcp or accept_tls got, if it was asked for port 0 (tests).
  [[nodiscard]] std::uint16_t tcp_port() const;
  // To be read on the event loop's thread.
  [[nodiscard]] const HttpCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// What the server makes of the bytes of one request: the request, or the status that it is refused with (400 also for
// one that is not complete). The same parser and limits, without a socket.
[[nodiscard]] tl::expected<HttpRequest, unsigned> parse_http_request(std::string_view bytes, const HttpLimits& limits);

}  // namespace sallyport::controlplane
