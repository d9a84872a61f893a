#include "controlplane/https/tls_connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>

#include "config/base/ip.hpp"
#include "controlplane/https/pem.hpp"

namespace sallyport::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t ca_certificates_max = 1024;
constexpr std::chrono::milliseconds attempt_time_min{250};
// A connection that a router forgot is noticed after a minute and a half.
constexpr int keepalive_idle_s = 30, keepalive_interval_s = 15, keepalive_probes = 4;

// SNI and certificates have names without the dot that ends the search.
std::string certificate_name(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  return host;
}

std::string trust(SSL_CTX& context, const std::optional<std::string>& ca_pem) {
  if (!ca_pem)
    return SSL_CTX_set_default_verify_paths(&context) == 1
               ? std::string()
               : "the system's CA certificates cannot be had: " + take_openssl_error();
  const auto certificates = certificates_of(*ca_pem, ca_certificates_max);
  if (!certificates) return "the server's CA certificates: " + certificates.error();
  X509_STORE* store = SSL_CTX_get_cert_store(&context);
  for (const CertificatePtr& certificate : *certificates)
    if (X509_STORE_add_cert(store, certificate.get()) != 1)
      return "the server's CA certificates: " + take_openssl_error();
  // Whom the operator names may vouch, be it an intermediate.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

// The name or the address must be in a subject alternative name (RFC 9525): a common name is not enough.
bool expect_host(SSL& tls, const std::string& host) {
  if (IpAddress::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&tls), host.c_str()) == 1;
  const std::string name = certificate_name(host);
  SSL_set_hostflags(&tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(&tls, name.c_str()) == 1 && SSL_set_tlsext_host_name(&tls, name.c_str()) == 1;
}

void keep_alive(asio::ip::tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const int descriptor = socket.native_handle();
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_idle_s, sizeof keepalive_idle_s);
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive_interval_s, sizeof keepalive_interval_s);
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &keepalive_probes, sizeof keepalive_probes);
}

std::string to_text(const asio::ip::tcp::endpoint& endpoint) {
  error_code ignored;
  const std::string address = endpoint.address().to_string(ignored);
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(endpoint.port());
}

}  // namespace

TlsConnection::TlsConnection(asio::io_context& loop) : loop_(loop), resolver_(loop), attempt_(loop) {}

void TlsConnection::open(const HttpsUrl& url, const std::optional<std::string>& ca_pem, std::chrono::milliseconds time,
                         OnOpen on_open) {
  url_ = url;
  time_ = time;
  on_open_ = std::move(on_open);
  std::string problem;
  try {
    problem = prepare(ca_pem);
  } catch (const std::exception& error) { problem = std::string("TLS cannot be set up: ") + error.what(); }
  problem.empty() ? look_up() : report(problem);
}

std::string TlsConnection::prepare(const std::optional<std::string>& ca_pem) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX* native = context.native_handle();
  if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1)
    return "TLS cannot be set up: " + take_openssl_error();
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  if (std::string problem = trust(*native, ca_pem); !problem.empty()) return problem;
  stream_.emplace(loop_, context);
  if (!expect_host(*stream_->native_handle(), url_.host)) return "TLS cannot be set up: " + take_openssl_error();
  return {};
}

void TlsConnection::look_up() {
  error_code error;
  if (const auto address = asio::ip::make_address(url_.host, error); !error) {
    addresses_ = {Endpoint(address, url_.port)};
    return connect_next();
  }
  resolver_.async_resolve(
      url_.host, std::to_string(url_.port), asio::ip::resolver_base::numeric_service,
      [self = shared_from_this()](const error_code& failed, const asio::ip::tcp::resolver::results_type& results) {
        if (self->closed_) return;
        for (const auto& entry : results)
          if (self->addresses_.size() < addresses_max) self->addresses_.push_back(entry.endpoint());
        if (self->addresses_.empty())
          self->last_problem_ = "cannot find the address of " + self->url_.host + ": " + failed.message();
        self->connect_next();
      });
}

// 1. Take the next address. 2. Give it its part of the time. 3. Go on with TLS, or with the address after it.
void TlsConnection::connect_next() {
  if (next_address_ == addresses_.size()) return report(last_problem_);
  const auto part = time_ / std::min<std::size_t>(addresses_.size(), 4);
  attempt_.expires_after(std::max(attempt_time_min, std::chrono::milliseconds(part)));
  attempt_.async_wait([weak = weak_from_this(), attempt = next_address_](const error_code& error) {
    const auto self = weak.lock();
    if (!self || error || self->closed_ || self->handshaking_ || self->next_address_ != attempt) return;
    error_code ignored;
    self->stream_->next_layer().close(ignored);
  });
  error_code ignored;
  auto& socket = stream_->next_layer();
  socket.close(ignored);
  socket.async_connect(addresses_[next_address_], [self = shared_from_this()](const error_code& error) {
    if (!self->closed_) self->on_connected(error);
  });
}

void TlsConnection::on_connected(const error_code& error) {
  // The attempt's timer may have closed a socket that was just connected.
  if (!error && stream_->next_layer().is_open()) return handshake();
  const std::string why = !error || error == asio::error::operation_aborted ? "no answer" : error.message();
  last_problem_ = "cannot connect to " + to_text(addresses_[next_address_]) + ": " + why;
  ++next_address_;
  connect_next();
}

void TlsConnection::handshake() {
  attempt_.cancel();
  handshaking_ = true;
  keep_alive(stream_->next_layer());
  stream_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const error_code& error) {
    if (!self->closed_) self->report(error ? self->handshake_problem(error) : std::string());
  });
}

std::string TlsConnection::handshake_problem(const error_code& error) {
  const long verified = SSL_get_verify_result(stream_->native_handle());
  if (verified != X509_V_OK)
    return std::string("certificate verify failed: ") + X509_verify_cert_error_string(verified);
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
    return "the server closed the connection in the TLS handshake";
  return "the TLS handshake failed: " + error.message();
}

void TlsConnection::report(const std::string& problem) {
  if (const OnOpen on_open = std::exchange(on_open_, nullptr)) on_open(problem);
}

void TlsConnection::close() {
  closed_ = true;
  on_open_ = nullptr;
  resolver_.cancel();
  attempt_.cancel();
  error_code ignored;
  if (stream_) stream_->next_layer().close(ignored);
}

std::string TlsConnection::stage() const {
  if (addresses_.empty()) return "looking for the address of " + url_.host;
  const std::string where = to_text(addresses_[std::min(next_address_, addresses_.size() - 1)]);
  return (handshaking_ ? "in the TLS handshake with " : "connecting to ") + where;
}

}  // namespace sallyport::controlplane
