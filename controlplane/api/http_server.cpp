#include "controlplane/api/http_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include "config/base/log.hpp"

namespace sallyport::controlplane {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

using Parser = http::request_parser<http::string_body>;

// No client of ours sends chunks, and Beast 1.74 asserts on a last chunk that arrives in pieces (boostorg/beast, pull
// request 2861): a request says its length (RFC 9112, 6.3) or is refused.
constexpr unsigned length_required = 411;

void apply_limits(Parser& parser, const HttpLimits& limits) {
  parser.header_limit(limits.header_bytes);
  parser.body_limit(limits.body_bytes);
}

HttpRequest to_request(http::request<http::string_body>&& message) {
  const auto method = message.method_string();
  const auto target = message.target();
  const auto if_match = message[http::field::if_match];
  return {.method = {method.data(), method.size()},
          .target = {target.data(), target.size()},
          .body = std::move(message.body()),
          .if_match = {if_match.data(), if_match.size()}};
}

unsigned status_of(const error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  return 400;
}

// How the end of a body is told: RFC 9112, 6.3. Neither length nor chunks: by closing.
struct Framing {
  bool has_length = false;
  std::size_t length = 0;
  bool chunked = false;
  bool keep_alive = false;
};

// etagc of RFC 9110, 8.8.3, without what is above ASCII: nothing else may stand in a header.
bool is_etag(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
}

// The user behind a Unix socket, as the kernel noted it when the client connected.
template <typename Socket>
std::string client_of(Socket& socket) {
  if constexpr (std::is_same_v<Socket, asio::local::stream_protocol::socket>) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
      return "uid " + std::to_string(peer.uid);
  }
  return {};
}

std::string header_of(const HttpResponse& response, const Framing& framing) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string header = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  header.append(reason.data(), reason.size());
  header += "\r\nContent-Type: " + response.content_type;
  if (framing.has_length) header += "\r\nContent-Length: " + std::to_string(framing.length);
  if (framing.chunked) header += "\r\nTransfer-Encoding: chunked";
  if (!response.allow.empty()) header += "\r\nAllow: " + response.allow;
  if (is_etag(response.etag)) header += "\r\nETag: \"" + response.etag + '"';
  if (!framing.keep_alive) header += "\r\nConnection: close";
  return header + "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";
}

HttpResponse plain_error(unsigned status) {
  return {.status = status, .body = R"({"error":"the request was refused: status )" + std::to_string(status) + "\"}"};
}

constexpr std::string_view too_many =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n"
    "Connection: close\r\n\r\n{\"error\":\"too many connections\"}\n";

class ConnectionBase {
 public:
  virtual ~ConnectionBase() = default;
  virtual void close() = 0;
};

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, Handler handler, HttpLimits limits)
      : handler_(std::move(handler)), limits_(limits), unix_(loop), tcp_(loop) {}

  template <typename Protocol>
  struct Listener {
    explicit Listener(asio::io_context& loop) : acceptor(loop), retry(loop) {}
    typename Protocol::acceptor acceptor;
    asio::steady_timer retry;
  };

  tl::expected<void, std::string> listen_unix(const std::filesystem::path& path, unsigned mode);
  tl::expected<void, std::string> listen_tcp(const IpEndpoint& endpoint);
  [[nodiscard]] std::uint16_t tcp_port() const {
    error_code error;
    return tcp_.acceptor.local_endpoint(error).port();
  }
  void stop();

  [[nodiscard]] const HttpLimits& limits() const { return limits_; }
  [[nodiscard]] HttpResponse answer(const HttpRequest& request);
  void forget(ConnectionBase* connection) { connections_.erase(connection); }

 private:
  template <typename Protocol>
  void accept(Listener<Protocol>& listener);

  Handler handler_;
  const HttpLimits limits_;
  Listener<asio::local::stream_protocol> unix_;
  Listener<asio::ip::tcp> tcp_;
  std::set<ConnectionBase*> connections_;
  std::filesystem::path socket_path_;
  struct ::stat socket_file_ {};
};

namespace {

// One client. Lives as long as an operation of it is outstanding; close() ends them all.
template <typename Protocol, typename Server>
class Connection final : public ConnectionBase, public std::enable_shared_from_this<Connection<Protocol, Server>> {
 public:
  Connection(typename Protocol::socket socket, std::shared_ptr<Server> server)
      : socket_(std::move(socket)), deadline_(socket_.get_executor()), server_(std::move(server)) {}
  ~Connection() override { server_->forget(this); }

  void start() { read(server_->limits().request_timeout); }

  void close() override {
    closed_ = true;
    source_.reset();
    error_code ignored;
    deadline_.cancel(ignored);
    socket_.close(ignored);
  }

 private:
  using std::enable_shared_from_this<Connection>::shared_from_this;
  using std::enable_shared_from_this<Connection>::weak_from_this;

  void give(std::chrono::milliseconds time) {
    deadline_.expires_after(time);
    deadline_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      // A wait that was over just before it was renewed comes too, without an error.
      if (self && !error && self->deadline_.expiry() <= std::chrono::steady_clock::now()) self->close();
    });
  }

  void read(std::chrono::milliseconds timeout) {
    parser_.emplace();
    apply_limits(*parser_, server_->limits());
    give(timeout);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](const error_code& error, std::size_t) {
                              if (!self->refused(error)) self->read_body();
                            });
  }

  void read_body() {
    if (parser_->chunked()) return respond(plain_error(length_required), false, false, true);
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](const error_code& error, std::size_t) {
      if (!self->refused(error)) self->on_request();
    });
  }

  // True if there is no request to go on with; then what can be said was said.
  bool refused(const error_code& error) {
    if (closed_ || !error) return closed_;
    const bool gone = error == http::error::end_of_stream || error.category() == asio::error::get_system_category();
    gone ? close() : respond(plain_error(status_of(error)), false, false, true);
    return true;
  }

  void on_request() {
    const bool keep_alive = parser_->keep_alive();
    const bool old = parser_->get().version() < 11;
    HttpRequest request = to_request(parser_->release());
    request.client = client_of(socket_);
    parser_.reset();
    respond(server_->answer(request), request.method == "HEAD", keep_alive, !old);
  }

  void respond(HttpResponse response, bool header_only, bool keep_alive, bool may_chunk) {
    const bool streams = response.stream != nullptr && !header_only;
    chunked_ = streams && may_chunk;
    keep_alive_ = keep_alive && !streams;
    head_ = header_of(
        response,
        {.has_length = !streams, .length = response.body.size(), .chunked = chunked_, .keep_alive = keep_alive_});
    body_ = header_only ? std::string() : std::move(response.body);
    if (streams) {
      source_ = std::move(response.stream);
      source_->on_ready([weak = weak_from_this()] {
        if (const auto self = weak.lock()) asio::post(self->socket_.get_executor(), [self] { self->on_wake(); });
      });
    }
    write({asio::buffer(head_), asio::buffer(body_), asio::const_buffer()});
  }

  void write(const std::array<asio::const_buffer, 3>& buffers) {
    give(server_->limits().write_timeout);
    asio::async_write(socket_, buffers, [self = shared_from_this()](const error_code& error, std::size_t) {
      if (self->closed_) return;
      if (error) return self->close();
      self->on_written();
    });
  }

  void on_written() {
    error_code ignored;
    deadline_.cancel(ignored);
    if (source_) return pump();
    if (keep_alive_) return read(server_->limits().idle_timeout);
    finish();
  }

  // 1. Ask for a piece. 2. Write it, and come back when it is written. 3. Without a piece, wait or end.
  void pump() {
    body_.clear();
    auto next = BodySource::Next::done;
    try {
      next = source_->next(body_);
    } catch (const std::exception& error) {
      log_error("answer broken off", {{"error", error.what()}});
      return close();
    }
    if (!body_.empty()) return write_piece();
    if (next == BodySource::Next::done) return write_end();
    if (next == BodySource::Next::wait) return wait();
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (!self->closed_) self->pump();
    });
  }

  void write_piece() {
    if (!chunked_) return write({asio::const_buffer(), asio::buffer(body_), asio::const_buffer()});
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", body_.size());
    head_ = size;
    write({asio::buffer(head_), asio::buffer(body_), asio::buffer("\r\n", 2)});
  }

  void write_end() {
    source_.reset();
    if (!chunked_) return finish();
    head_ = "0\r\n\r\n";
    write({asio::buffer(head_), asio::const_buffer(), asio::const_buffer()});
  }

  // Nothing to write: only a read tells that the client went away. Whatever it says now also ends the stream.
  void wait() {
    waiting_ = true;
    if (watching_) return;
    watching_ = true;
    socket_.async_wait(Protocol::socket::wait_read, [self = shared_from_this()](const error_code&) { self->close(); });
  }

  void on_wake() {
    if (closed_ || !waiting_) return;
    waiting_ = false;
    pump();
  }

  void finish() {
    error_code ignored;
    socket_.shutdown(Protocol::socket::shutdown_both, ignored);
    close();
  }

  typename Protocol::socket socket_;
  asio::steady_timer deadline_;
  std::shared_ptr<Server> server_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::unique_ptr<BodySource> source_;
  std::string head_;
  std::string body_;
  bool chunked_ = false;
  bool keep_alive_ = false;
  bool waiting_ = false;
  bool watching_ = false;
  bool closed_ = false;
};

std::string system_error(const std::string& what, int error) {
  return what + ": " + std::strerror(error);
}

// Whether a process listens there. One that is too busy to accept us does.
bool is_live(const std::filesystem::path& path) {
  asio::io_context loop;
  asio::local::stream_protocol::socket probe(loop);
  error_code error;
  probe.open(asio::local::stream_protocol(), error);
  probe.non_blocking(true, error);
  probe.connect(asio::local::stream_protocol::endpoint(path.string()), error);
  return error != asio::error::connection_refused && error.value() != ENOENT;
}

tl::expected<void, std::string> remove_stale_socket(const std::filesystem::path& path) {
  struct ::stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return tl::unexpected(system_error("cannot look at " + path.string(), errno));
  }
  if (!S_ISSOCK(file.st_mode)) return tl::unexpected(path.string() + " exists and is not a socket");
  if (is_live(path)) return tl::unexpected("another process listens on " + path.string());
  if (::unlink(path.c_str()) != 0) return tl::unexpected(system_error("cannot remove " + path.string(), errno));
  return {};
}

}  // namespace

tl::expected<void, std::string> HttpServer::Impl::listen_unix(const std::filesystem::path& path, unsigned mode) {
  // sun_path without its NUL; longer ones make the endpoint throw.
  if (path.empty() || path.string().size() > 107)
    return tl::unexpected(std::string("the socket's path has no length from 1 to 107"));
  if (auto removed = remove_stale_socket(path); !removed) return removed;
  auto& acceptor = unix_.acceptor;
  error_code error;
  acceptor.open(asio::local::stream_protocol(), error);
  if (!error) acceptor.bind(asio::local::stream_protocol::endpoint(path.string()), error);
  if (error) return tl::unexpected("cannot bind " + path.string() + ": " + error.message());
  if (::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0)
    return tl::unexpected(system_error("cannot set the mode of " + path.string(), errno));
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return tl::unexpected("cannot listen on " + path.string() + ": " + error.message());
  socket_path_ = std::filesystem::absolute(path);
  (void)::lstat(socket_path_.c_str(), &socket_file_);
  accept(unix_);
  return {};
}

tl::expected<void, std::string> HttpServer::Impl::listen_tcp(const IpEndpoint& endpoint) {
  error_code error;
  const auto address = asio::ip::make_address(endpoint.address.to_string(), error);
  if (error) return tl::unexpected("not an address to listen on: " + endpoint.to_string());
  const asio::ip::tcp::endpoint where(address, endpoint.port);
  auto& acceptor = tcp_.acceptor;
  acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return tl::unexpected("cannot listen on " + endpoint.to_string() + ": " + error.message());
  accept(tcp_);
  return {};
}

template <typename Protocol>
void HttpServer::Impl::accept(Listener<Protocol>& listener) {
  listener.acceptor.async_accept(
      [this, &listener, alive = shared_from_this()](const error_code& error, typename Protocol::socket socket) {
        if (!listener.acceptor.is_open()) return;
        if (error) {  // out of descriptors, mostly: come back in a while, not in a loop
          listener.retry.expires_after(std::chrono::milliseconds(100));
          listener.retry.async_wait([this, &listener, alive](const error_code& cancelled) {
            if (!cancelled && listener.acceptor.is_open()) accept(listener);
          });
          return;
        }
        if (connections_.size() >= limits_.connections) {
          error_code ignored;
          socket.non_blocking(true, ignored);
          socket.write_some(asio::buffer(too_many), ignored);
        } else {
          auto connection = std::make_shared<Connection<Protocol, Impl>>(std::move(socket), alive);
          connections_.insert(connection.get());
          connection->start();
        }
        accept(listener);
      });
}

HttpResponse HttpServer::Impl::answer(const HttpRequest& request) {
  try {
    return handler_(request);
  } catch (const std::exception& error) {
    log_error("request failed", {{"target", request.target}, {"error", error.what()}});
    return {.status = 500, .body = R"({"error":"the control plane failed to answer; its log says why"})"};
  }
}

void HttpServer::Impl::stop() {
  error_code ignored;
  unix_.acceptor.close(ignored);
  tcp_.acceptor.close(ignored);
  unix_.retry.cancel(ignored);
  tcp_.retry.cancel(ignored);
  for (ConnectionBase* connection : connections_) connection->close();
  struct ::stat file {};
  if (!socket_path_.empty() && ::lstat(socket_path_.c_str(), &file) == 0 && file.st_ino == socket_file_.st_ino &&
      file.st_dev == socket_file_.st_dev)
    (void)::unlink(socket_path_.c_str());
}

HttpServer::HttpServer(asio::io_context& loop, Handler handler, HttpLimits limits)
    : impl_(std::make_shared<Impl>(loop, std::move(handler), limits)) {}

HttpServer::~HttpServer() {
  impl_->stop();
}

tl::expected<void, std::string> HttpServer::listen_unix(const std::filesystem::path& path, unsigned mode) {
  return impl_->listen_unix(path, mode);
}

tl::expected<void, std::string> HttpServer::listen_tcp(const IpEndpoint& endpoint) {
  return impl_->listen_tcp(endpoint);
}

std::uint16_t HttpServer::tcp_port() const {
  return impl_->tcp_port();
}

tl::expected<HttpRequest, unsigned> parse_http_request(std::string_view bytes, const HttpLimits& limits) {
  Parser parser;
  apply_limits(parser, limits);
  error_code error;
  while (!error && !bytes.empty() && !parser.is_done()) {
    const std::size_t taken = parser.put(asio::const_buffer(bytes.data(), bytes.size()), error);
    bytes.remove_prefix(taken);
    if (parser.is_header_done() && parser.chunked()) return tl::unexpected(length_required);
    if (error == http::error::need_more && taken > 0) error = {};
  }
  if (!error && parser.got_some() && !parser.is_done()) parser.put_eof(error);
  if (error) return tl::unexpected(status_of(error));
  if (!parser.is_done()) return tl::unexpected(400U);
  return to_request(parser.release());
}

}  // namespace sallyport::controlplane
