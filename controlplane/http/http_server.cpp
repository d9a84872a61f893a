#include "controlplane/http/http_server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <unordered_map>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "config/base/log.hpp"
#include "controlplane/http/http_answer.hpp"
#include "controlplane/http/http_connection.hpp"
#include "controlplane/http/unix_socket.hpp"

namespace sallyport::controlplane {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;

namespace {

constexpr std::chrono::milliseconds accept_retry_interval{100};
constexpr unsigned ipv6_source_bits = 64;  // what one client has to itself

// Who counts as one client.
IpAddress source_of(const IpAddress& address) {
  return address.is_v4() ? address : IpPrefix{.address = address, .length = ipv6_source_bits}.network().address;
}

}  // namespace

class HttpServer::Impl final : public HttpConnectionOwner, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, AsyncHandler handler, HttpLimits limits)
      : handler_(std::move(handler)), limits_(limits), unix_(loop), tcp_(loop) {}

  template <typename Protocol>
  struct Listener {
    explicit Listener(asio::io_context& loop) : acceptor(loop), retry(loop) {}
    typename Protocol::acceptor acceptor;
    asio::steady_timer retry;
  };

  tl::expected<void, std::string> listen_unix(const std::filesystem::path& path, unsigned mode);
  tl::expected<void, std::string> accept_on(TcpListener listener, std::shared_ptr<TlsServerContext> tls);
  void set_tls_context(std::shared_ptr<TlsServerContext> context) {
    if (tls_ && context) tls_ = std::move(context);
  }
  [[nodiscard]] std::uint16_t tcp_port() const {
    error_code error;
    return tcp_.acceptor.local_endpoint(error).port();
  }
  void stop();

  [[nodiscard]] const HttpLimits& limits() const override { return limits_; }
  [[nodiscard]] HttpCounters& counters() override { return counters_; }
  void handle(HttpRequest request, const Responder& respond) override;
  void on_refused(unsigned status, const IpAddress& source) override;
  void forget(HttpConnection* connection) override;
  void set_on_refused(OnRefused on_refused) { on_refused_ = std::move(on_refused); }

 private:
  struct Entry {
    std::shared_ptr<HttpConnection> connection;
    IpAddress source;  // not set: not counted
  };

  template <typename Protocol>
  void accept(Listener<Protocol>& listener);
  void on_accepted(Unix::socket socket);
  void on_accepted(tcp::socket socket);
  [[nodiscard]] bool is_full() const { return connections_.size() >= limits_.connections; }
  template <typename Socket>
  void turn_away(Socket& socket);
  void begin(std::shared_ptr<HttpConnection> connection, const IpAddress& source);

  AsyncHandler handler_;
  OnRefused on_refused_;
  const HttpLimits limits_;
  HttpCounters counters_;
  Listener<Unix> unix_;
  Listener<tcp> tcp_;
  std::shared_ptr<TlsServerContext> tls_;  // of connections that tcp_ accepts; null: they are plain
  std::unordered_map<HttpConnection*, Entry> connections_;
  std::map<IpAddress, unsigned> connections_of_source_;
  OwnSocketFile socket_file_;
};

tl::expected<void, std::string> HttpServer::Impl::listen_unix(const std::filesystem::path& path, unsigned mode) {
  if (path.empty() || path.string().size() > socket_path_bytes_max)  // a longer one makes the endpoint throw
    return tl::unexpected("the socket's path has no length from 1 to " + std::to_string(socket_path_bytes_max));
  if (auto removed = remove_stale_socket(path); !removed) return removed;
  auto& acceptor = unix_.acceptor;
  error_code error;
  acceptor.open(Unix(), error);
  if (!error) acceptor.bind(Unix::endpoint(path.string()), error);
  if (error) return tl::unexpected("cannot bind " + path.string() + ": " + error.message());
  if (::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0)
    return tl::unexpected("cannot set the mode of " + path.string() + ": " + std::strerror(errno));
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return tl::unexpected("cannot listen on " + path.string() + ": " + error.message());
  socket_file_.remember(path);
  accept(unix_);
  return {};
}

tl::expected<void, std::string> HttpServer::Impl::accept_on(TcpListener listener,
                                                            std::shared_ptr<TlsServerContext> tls) {
  error_code error;
  const int socket = listener.release();
  tcp_.acceptor.assign(listener.endpoint().address.is_v4() ? tcp::v4() : tcp::v6(), socket, error);
  if (error) {
    ::close(socket);
    return tl::unexpected("cannot listen on " + listener.endpoint().to_string() + ": " + error.message());
  }
  tls_ = std::move(tls);
  accept(tcp_);
  return {};
}

template <typename Protocol>
void HttpServer::Impl::accept(Listener<Protocol>& listener) {
  listener.acceptor.async_accept(
      [this, &listener, alive = shared_from_this()](const error_code& error, typename Protocol::socket socket) {
        if (!listener.acceptor.is_open()) return;
        if (error) {  // out of descriptors, mostly: come back in a while, not in a loop
          listener.retry.expires_after(accept_retry_interval);
          listener.retry.async_wait([this, &listener, alive](const error_code& cancelled) {
            if (!cancelled && listener.acceptor.is_open()) accept(listener);
          });
          return;
        }
        ++counters_.accepted;
        on_accepted(std::move(socket));
        accept(listener);
      });
}

void HttpServer::Impl::on_accepted(Unix::socket socket) {
  if (is_full()) return turn_away(socket);
  begin(make_unix_connection(std::move(socket), shared_from_this()), {});
}

// A socket that goes is closed: that is all that one connection too many costs.
void HttpServer::Impl::on_accepted(tcp::socket socket) {
  IpAddress source;
  if (limits_.connections_of_source > 0) {
    const IpAddress client = client_address(socket);
    if (!client.is_set()) return;  // gone already
    source = source_of(client);
    const auto count = connections_of_source_.find(source);
    if (count != connections_of_source_.end() && count->second >= limits_.connections_of_source) {
      ++counters_.refused_too_many_of_source;
      return;
    }
  }
  if (is_full()) return turn_away(socket);
  begin(tls_ ? make_tls_connection(std::move(socket), shared_from_this(), *tls_)
             : make_tcp_connection(std::move(socket), shared_from_this()),
        source);
}

template <typename Socket>
void HttpServer::Impl::turn_away(Socket& socket) {
  ++counters_.refused_too_many;
  if (tls_ && std::is_same_v<Socket, tcp::socket>) return;
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(too_many_connections), ignored);
}

void HttpServer::Impl::begin(std::shared_ptr<HttpConnection> connection, const IpAddress& source) {
  if (!connection) return;
  if (source.is_set()) ++connections_of_source_[source];
  connections_.emplace(connection.get(), Entry{connection, source});
  connection->start();
}

void HttpServer::Impl::forget(HttpConnection* connection) {
  const auto entry = connections_.find(connection);
  if (entry == connections_.end()) return;
  if (const auto count = connections_of_source_.find(entry->second.source);
      count != connections_of_source_.end() && --count->second == 0)
    connections_of_source_.erase(count);
  connections_.erase(entry);
}

void HttpServer::Impl::handle(HttpRequest request, const Responder& respond) {
  const std::string target = request.target;
  try {
    handler_(std::move(request), respond);
  } catch (const std::exception& error) {
    log_error("request failed", {{"target", target}, {"error", error.what()}});
    respond({.status = 500, .body = R"({"error":"the control plane failed to answer; its log says why"})"});
  }
}

void HttpServer::Impl::on_refused(unsigned status, const IpAddress& source) {
  ++(is_too_large(status) ? counters_.too_large : counters_.malformed);
  if (on_refused_) on_refused_(status, source);
}

void HttpServer::Impl::stop() {
  error_code ignored;
  unix_.acceptor.close(ignored);
  tcp_.acceptor.close(ignored);
  unix_.retry.cancel(ignored);
  tcp_.retry.cancel(ignored);
  for (const auto& [key, entry] : std::exchange(connections_, {})) entry.connection->close();
  connections_of_source_.clear();
  socket_file_.remove();
}

HttpServer::HttpServer(asio::io_context& loop, Handler handler, HttpLimits limits)
    : HttpServer(
          loop,
          [handler = std::move(handler)](const HttpRequest& request, const Responder& respond) {
            respond(handler(request));
          },
          limits) {}

HttpServer::HttpServer(asio::io_context& loop, AsyncHandler handler, HttpLimits limits)
    : impl_(std::make_shared<Impl>(loop, std::move(handler), limits)) {}

HttpServer::~HttpServer() {
  impl_->stop();
}

tl::expected<void, std::string> HttpServer::listen_unix(const std::filesystem::path& path, unsigned mode) {
  return impl_->listen_unix(path, mode);
}

tl::expected<void, std::string> HttpServer::listen_tcp(const IpEndpoint& endpoint) {
  auto listener = TcpListener::listen(endpoint, TcpListener::Address::exists);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  return impl_->accept_on(std::move(*listener), nullptr);
}

tl::expected<void, std::string> HttpServer::accept_tls(TcpListener listener,
                                                       std::shared_ptr<TlsServerContext> context) {
  return impl_->accept_on(std::move(listener), std::move(context));
}

void HttpServer::set_on_refused(OnRefused on_refused) {
  impl_->set_on_refused(std::move(on_refused));
}

void HttpServer::set_tls_context(std::shared_ptr<TlsServerContext> context) {
  impl_->set_tls_context(std::move(context));
}

std::uint16_t HttpServer::tcp_port() const {
  return impl_->tcp_port();
}

const HttpCounters& HttpServer::counters() const {
  return impl_->counters();
}

}  // namespace sallyport::controlplane
