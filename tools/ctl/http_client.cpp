#include "tools/ctl/http_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

namespace sallyport::ctl {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t longest_socket_path = 107;  // sun_path without its NUL

// Only what an ETag may hold goes into the header: whatever else was asked for can match nothing.
std::string if_match_line(std::string_view etag) {
  if (etag.empty()) return {};
  const bool good = std::all_of(etag.begin(), etag.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
  return "If-Match: \"" + std::string(good ? etag : "-") + "\"\r\n";
}

std::string request_text(std::string_view method, std::string_view target, std::string_view body,
                         std::string_view if_match = {}) {
  std::string text = std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\nHost: sallyport\r\n";
  if (!body.empty()) text += "Content-Type: application/json\r\n";
  text += if_match_line(if_match);
  text += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  return text + std::string(body);
}

// One request, from connecting to the last piece; result() when run() returns.
class SocketExchange {
 public:
  SocketExchange(const ClientLimits& limits, const OnPiece* on_piece) : limits_(limits), on_piece_(on_piece) {
    parser_.header_limit(limits.header_bytes);
    // Not boost::none for "no limit": 1.74 takes every announced length for larger than that.
    parser_.body_limit(on_piece == nullptr ? limits.body_bytes : ~std::uint64_t{0});
  }

  tl::expected<HttpAnswer, TransportError> run(const std::string& socket, const std::string& request) {
    if (socket.empty() || socket.size() > longest_socket_path)
      return tl::unexpected(TransportError{true, "'" + socket + "' cannot be the path of a socket"});
    error_code error;
    socket_.open(asio::local::stream_protocol(), error);
    if (error) return tl::unexpected(TransportError{true, error.message()});
    if (on_piece_ != nullptr) {
      signals_.add(SIGINT, error);
      signals_.add(SIGTERM, error);
      signals_.async_wait([this](const error_code& cancelled, int) {
        if (!cancelled) finish();
      });
    }
    give(limits_.timeout);
    socket_.async_connect(asio::local::stream_protocol::endpoint(socket), [&](const error_code& failed) {
      if (failed) return fail(failed, true);
      asio::async_write(socket_, asio::buffer(request), [&](const error_code& unwritten, std::size_t) {
        // A server that refuses early may close before it has read everything: its answer still comes.
        if (unwritten && unwritten != asio::error::broken_pipe) return fail(unwritten, true);
        http::async_read_header(socket_, buffer_, parser_,
                                [&](const error_code& unread, std::size_t) { on_header(unread); });
      });
    });
    loop_.run();
    return std::move(result_);
  }

 private:
  void give(std::chrono::milliseconds time) {
    deadline_.expires_after(time);
    deadline_.async_wait([this](const error_code& cancelled) {
      if (cancelled || done_ || deadline_.expiry() > std::chrono::steady_clock::now()) return;
      end(tl::unexpected(
          TransportError{!got_header_, "no answer within " + std::to_string(limits_.timeout.count() / 1000) + " s"}));
    });
  }

  void on_header(const error_code& error) {
    if (done_) return;
    if (error)
      return fail(error, error == http::error::end_of_stream || error.category() == asio::error::get_system_category());
    got_header_ = true;
    answer_.status = parser_.get().result_int();
    streaming_ = on_piece_ != nullptr && answer_.status == 200;
    read_piece();
  }

  void read_piece() {
    if (parser_.is_done()) return finish();
    error_code ignored;
    if (streaming_) {
      deadline_.cancel(ignored);
    } else {
      give(limits_.timeout);
    }
    parser_.get().body().data = piece_.data();
    parser_.get().body().size = piece_.size();
    http::async_read_some(socket_, buffer_, parser_, [this](const error_code& error, std::size_t) { on_piece(error); });
  }

  void on_piece(const error_code& error) {
    if (done_) return;
    const std::string_view piece(piece_.data(), piece_.size() - parser_.get().body().size);
    if (!piece.empty()) {
      if (!streaming_ && answer_.body.size() + piece.size() > limits_.body_bytes)
        return end(tl::unexpected(TransportError{false, "the answer is longer than the limit"}));
      if (!streaming_) answer_.body += piece;
      if (streaming_ && !(*on_piece_)(piece)) return finish();
    }
    if (error && error != http::error::need_buffer) return fail(error, false);
    read_piece();
  }

  void fail(const error_code& error, bool unreachable) {
    if (done_) return;
    const bool truncated =
        error == http::error::partial_message || error == http::error::end_of_stream || error == asio::error::eof;
    end(tl::unexpected(TransportError{unreachable, truncated ? "the answer ended too early" : error.message()}));
  }

  void finish() { end(std::move(answer_)); }

  void end(tl::expected<HttpAnswer, TransportError> result) {
    if (std::exchange(done_, true)) return;
    result_ = std::move(result);
    error_code ignored;
    deadline_.cancel(ignored);
    signals_.cancel(ignored);
    socket_.close(ignored);
  }

  const ClientLimits& limits_;
  const OnPiece* on_piece_;
  asio::io_context loop_;
  asio::local::stream_protocol::socket socket_{loop_};
  asio::steady_timer deadline_{loop_};
  asio::signal_set signals_{loop_};
  boost::beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::array<char, 64 * 1024> piece_{};
  HttpAnswer answer_;
  tl::expected<HttpAnswer, TransportError> result_{tl::unexpected(TransportError{true, "no answer"})};
  bool got_header_ = false;
  bool streaming_ = false;
  bool done_ = false;
};

}  // namespace

tl::expected<HttpAnswer, TransportError> http_request(const std::string& socket, std::string_view method,
                                                      std::string_view target, std::string_view body,
                                                      const ClientLimits& limits, std::string_view if_match) {
  return SocketExchange(limits, nullptr).run(socket, request_text(method, target, body, if_match));
}

tl::expected<HttpAnswer, TransportError> http_stream(const std::string& socket, std::string_view method,
                                                     std::string_view target, std::string_view body,
                                                     const OnPiece& on_piece, const ClientLimits& limits) {
  return SocketExchange(limits, &on_piece).run(socket, request_text(method, target, body));
}

}  // namespace sallyport::ctl
