#include "tools/ctl/enroll/https_exchange.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "config/base/ip.hpp"
#include "tools/ctl/enroll/host_addresses.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"

namespace sallyport::ctl {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using ErrorKind = HttpsError::Kind;

namespace {

constexpr std::uint64_t longest_body_bytes = 64 * 1024;
constexpr std::uint32_t longest_header_bytes = 16 * 1024;
constexpr std::uint32_t longest_retry_after_s = 300;

tl::unexpected<HttpsError> failure(ErrorKind kind, std::string message) {
  return tl::unexpected(HttpsError{kind, std::move(message)});
}

std::string openssl_reason() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

std::string request_text(const HttpsSettings& settings, std::string_view method, std::string_view target,
                         std::string_view session_token, std::string_view body, std::string_view content_type) {
  std::string text;
  text.reserve(512 + session_token.size() + body.size());  // no copy of a token stays behind
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(settings.gateway.host_header());
  text.append("\r\nUser-Agent: sallyctl\r\nAccept: application/json\r\n");
  if (!session_token.empty()) text.append("Authorization: Bearer ").append(session_token).append("\r\n");
  if (!body.empty()) text.append("Content-Type: ").append(content_type).append("\r\n");
  text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\nConnection: close\r\n\r\n");
  return text.append(body);
}

tl::expected<void, HttpsError> load_files(SSL_CTX* context, const HttpsSettings& settings) {
  const bool trusts = settings.ca_file.empty()
                          ? ::SSL_CTX_set_default_verify_paths(context) == 1
                          : ::SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) == 1;
  if (!trusts) return failure(ErrorKind::local, "--ca " + settings.ca_file + ": " + openssl_reason());
  if (settings.certificate_file.empty()) return {};
  if (::SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1)
    return failure(ErrorKind::local,
                   settings.certificate_file + ": expected a certificate in PEM: " + openssl_reason());
  if (::SSL_CTX_use_PrivateKey_file(context, settings.certificate_key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return failure(ErrorKind::local, settings.certificate_key_file + ": expected the key of " +
                                         settings.certificate_file + " in PEM: " + openssl_reason());
  return {};
}

// RFC 6125: the name that we connect to is the name in the certificate; an address must be there as an address.
bool expect_name(SSL* tls, const std::string& host) {
  if (IpAddress::parse(host)) return ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(tls), host.c_str()) == 1;
  ::SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return ::SSL_set1_host(tls, host.c_str()) == 1 && ::SSL_set_tlsext_host_name(tls, host.c_str()) == 1;
}

tcp::endpoint to_asio(const IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  asio::ip::address_v6::bytes_type bytes{};
  std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
  return {asio::ip::address_v6(bytes), port};
}

// From connecting to the last byte; what came of it when run() returns.
class Exchange {
 public:
  using Outcome = tl::expected<HttpsAnswer, HttpsError>;

  Exchange(const HttpsSettings& settings, asio::ssl::context& context, const std::string& request)
      : settings_(settings), context_(context), request_(request) {
    parser_.header_limit(longest_header_bytes);
    parser_.body_limit(longest_body_bytes);
  }

  Outcome run(const std::vector<IpAddress>& addresses, std::chrono::milliseconds time) {
    addresses_ = addresses;
    deadline_.expires_after(time);
    deadline_.async_wait([this](const error_code& cancelled) {
      if (!cancelled) end(failure(ErrorKind::unreachable, "no whole answer in time"));
    });
    watch_for_stop();
    connect_next();
    loop_.run();
    return std::move(outcome_);
  }

 private:
  void watch_for_stop() {
    if (settings_.stop_descriptor < 0) return;
    error_code error;
    stop_.assign(settings_.stop_descriptor, error);
    if (error) return;
    stop_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& cancelled) {
      if (!cancelled) end(failure(ErrorKind::stopped, "stopped"));
    });
  }

  void connect_next() {
    if (next_ == addresses_.size()) return end(failure(ErrorKind::unreachable, last_failure_));
    const tcp::endpoint to = to_asio(addresses_[next_++], settings_.gateway.port);
    stream_.emplace(loop_, context_);
    error_code error;
    tcp::socket& socket = stream_->next_layer();
    socket.open(to.protocol(), error);
    if (!error && settings_.mark != 0)
      (void)::setsockopt(socket.native_handle(), SOL_SOCKET, SO_MARK, &settings_.mark, sizeof settings_.mark);
    if (error) return on_unconnected(to, error);
    attempt_.expires_after(settings_.connect_timeout);
    attempt_.async_wait([this](const error_code& cancelled) {
      error_code ignored;
      if (!cancelled) stream_->next_layer().cancel(ignored);
    });
    socket.async_connect(to, [this, to](const error_code& failed) {
      attempt_.cancel();
      if (done_) return;
      failed ? on_unconnected(to, failed) : handshake();
    });
  }

  void on_unconnected(const tcp::endpoint& to, const error_code& error) {
    const std::string why = error == asio::error::operation_aborted ? "no connection in time" : error.message();
    last_failure_ = to.address().to_string() + " port " + std::to_string(to.port()) + ": " + why;
    connect_next();
  }

  void handshake() {
    if (!expect_name(stream_->native_handle(), settings_.gateway.host))
      return end(failure(ErrorKind::local, "'" + settings_.gateway.host + "' cannot be the name of a server"));
    stream_->async_handshake(asio::ssl::stream_base::client, [this](const error_code& error) {
      if (done_) return;
      if (error) return on_no_handshake(error);
      send();
    });
  }

  void on_no_handshake(const error_code& error) {
    const long verified = ::SSL_get_verify_result(stream_->native_handle());
    if (verified != X509_V_OK)
      return end(failure(ErrorKind::untrusted, std::string("its certificate does not prove that it is '") +
                                                   settings_.gateway.host +
                                                   "': " + ::X509_verify_cert_error_string(verified)));
    end(failure(error.category() == asio::error::get_system_category() ? ErrorKind::unreachable : ErrorKind::senseless,
                "no TLS connection: " + error.message()));
  }

  void send() {
    // A server that refuses early may close before it has read everything: its answer still comes.
    asio::async_write(*stream_, asio::buffer(request_), [this](const error_code&, std::size_t) {
      if (done_) return;
      http::async_read(*stream_, buffer_, parser_, [this](const error_code& error, std::size_t) { on_read(error); });
    });
  }

  void on_read(const error_code& error) {
    if (done_) return;
    // The end of a body that the header did not announce may be a cut: only announced ones count (RFC 9112, 9.8).
    const bool whole = !error && !parser_.need_eof();
    if (!whole) return end(failure(ErrorKind::senseless, "its answer makes no sense: " + why_no_answer(error)));
    const auto& message = parser_.get();
    HttpsAnswer answer{.status = message.result_int(), .content_type = {}, .body = {}, .retry_after_s = {}};
    answer.content_type = std::string(message[http::field::content_type]);
    answer.body = message.body();
    const auto retry = message[http::field::retry_after];
    std::uint32_t seconds = 0;
    const auto [at, wrong] = std::from_chars(retry.data(), retry.data() + retry.size(), seconds);
    if (wrong == std::errc() && at == retry.data() + retry.size())
      answer.retry_after_s = std::min(seconds, longest_retry_after_s);
    end(std::move(answer));
  }

  static std::string why_no_answer(const error_code& error) {
    if (!error) return "its end is not marked";
    const bool cut = error == http::error::partial_message || error == http::error::end_of_stream ||
                     error == asio::ssl::error::stream_truncated || error == asio::error::eof;
    return cut ? "it ended too early" : error.message();
  }

  void end(Outcome outcome) {
    if (std::exchange(done_, true)) return;
    outcome_ = std::move(outcome);
    error_code ignored;
    deadline_.cancel();
    attempt_.cancel();
    if (stop_.is_open()) {
      stop_.cancel(ignored);
      (void)stop_.release();  // it is the caller's
    }
    if (stream_) stream_->next_layer().close(ignored);
  }

  const HttpsSettings& settings_;
  asio::ssl::context& context_;
  const std::string& request_;
  asio::io_context loop_;
  asio::steady_timer deadline_{loop_}, attempt_{loop_};
  asio::posix::stream_descriptor stop_{loop_};
  std::optional<asio::ssl::stream<tcp::socket>> stream_;
  boost::beast::flat_buffer buffer_{longest_header_bytes + longest_body_bytes};
  http::response_parser<http::string_body> parser_;
  std::vector<IpAddress> addresses_;
  std::size_t next_ = 0;
  std::string last_failure_ = "no address";
  Outcome outcome_{failure(ErrorKind::unreachable, "no answer")};
  bool done_ = false;
};

// Third-party exceptions end here.
tl::expected<HttpsAnswer, HttpsError> perform(const HttpsSettings& settings, const std::string& request) {
  const auto begin = std::chrono::steady_clock::now();
  const auto addresses = addresses_of(settings.gateway.host, settings.timeout, settings.stop_descriptor);
  if (!addresses)
    return failure(addresses.error() == "stopped" ? ErrorKind::stopped : ErrorKind::unreachable, addresses.error());
  try {
    asio::ssl::context context(asio::ssl::context::tls_client);
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_verify_mode(asio::ssl::verify_peer);
    if (const auto loaded = load_files(context.native_handle(), settings); !loaded)
      return tl::unexpected(loaded.error());
    const auto left = settings.timeout -
                      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    return Exchange(settings, context, request).run(*addresses, left);
  } catch (const std::exception& error) { return failure(ErrorKind::senseless, error.what()); }
}

}  // namespace

tl::expected<HttpsAnswer, HttpsError> https_request(const HttpsSettings& settings, std::string_view method,
                                                    std::string_view target, std::string_view session_token,
                                                    std::string_view body, std::string_view content_type) {
  std::string request = request_text(settings, method, target, session_token, body, content_type);
  auto answer = perform(settings, request);
  WipedText::wipe(request);
  return answer;
}

}  // namespace sallyport::ctl
