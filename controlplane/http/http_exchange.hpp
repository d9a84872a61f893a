// Requests and answers on one connection, over any stream, with every deadline and bound. A Stream has
//   bytes()              what is read and written: an asynchronous stream of Asio
//   socket()             the socket under it
//   open(handler)        what comes before the first byte: a TLS handshake, or nothing
//   end(handler)         says that nothing more is sent, above the socket
//   describe(request)    says who asks
// For http_over_sockets.cpp and http_over_tls.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>

#include "config/base/log.hpp"
#include "controlplane/http/http_answer.hpp"
#include "controlplane/http/http_connection.hpp"
#include "controlplane/http/http_parse.hpp"

namespace sallyport::controlplane {

// Lives as long as the owner has it or an operation of it is outstanding; close() ends them all.
template <typename Stream>
class HttpExchange final : public HttpConnection, public std::enable_shared_from_this<HttpExchange<Stream>> {
 public:
  using error_code = boost::system::error_code;

  static constexpr std::chrono::milliseconds open_timeout{5'000};
  // How long, and over how many bytes, a client that is still talking is heard out after the last answer: closing at
  // once would take the answer away from it (RFC 9112, 9.6).
  static constexpr std::chrono::milliseconds linger_timeout{2'000};
  static constexpr std::size_t linger_bytes_max = 1024 * 1024;

  HttpExchange(Stream stream, std::shared_ptr<HttpConnectionOwner> owner)
      : stream_(std::move(stream)), deadline_(stream_.socket().get_executor()), owner_(std::move(owner)) {}

  void start() override {
    first_deadline_ = Clock::now() + owner_->limits().request_timeout;
    give(std::min(open_timeout, owner_->limits().request_timeout));
    stream_.open([self = shared_from_this()](const error_code& error) {
      if (self->closed_) return;
      if (error) {
        ++self->owner_->counters().tls_handshakes_failed;
        return self->close();
      }
      self->stage_ = Stage::request;
      self->read(self->first_deadline_);
    });
  }

  void close() override {
    if (std::exchange(closed_, true)) return;
    source_.reset();
    error_code ignored;
    deadline_.cancel(ignored);
    stream_.socket().close(ignored);
    owner_->forget(this);
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Base = std::enable_shared_from_this<HttpExchange>;
  using Base::shared_from_this;
  using Base::weak_from_this;
  enum class Stage : std::uint8_t { opening, request, next_request, answer, end };

  void give(std::chrono::milliseconds time) { give_until(Clock::now() + time); }
  void give_until(Clock::time_point time) {
    deadline_.expires_at(time);
    deadline_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      // A wait that was over just before it was renewed comes too, without an error.
      if (self && !error && !self->closed_ && self->deadline_.expiry() <= Clock::now()) self->on_deadline();
    });
  }

  void on_deadline() {
    const bool idle = stage_ == Stage::next_request && buffer_.size() == 0 && parser_ && !parser_->got_some();
    if (stage_ == Stage::opening)
      ++owner_->counters().tls_handshakes_failed;
    else if (stage_ != Stage::end && !idle)
      ++owner_->counters().timed_out;
    close();
  }

  void read(Clock::time_point deadline) {
    parser_.emplace();
    apply_limits(*parser_, owner_->limits());
    give_until(deadline);
    boost::beast::http::async_read_header(stream_.bytes(), buffer_, *parser_,
                                          [self = shared_from_this()](const error_code& error, std::size_t) {
                                            if (!self->refused(error)) self->read_body();
                                          });
  }

  void read_body() {
    if (const unsigned refusal = refusal_of_header(*parser_)) return refuse(refusal);
    boost::beast::http::async_read(stream_.bytes(), buffer_, *parser_,
                                   [self = shared_from_this()](const error_code& error, std::size_t) {
                                     if (!self->refused(error)) self->on_request();
                                   });
  }

  // True if there is no request to go on with; then what can be said was said.
  bool refused(const error_code& error) {
    if (closed_ || !error) return closed_;
    if (error.category() == http_category() && error != boost::beast::http::error::end_of_stream)
      refuse(refusal_of(error));
    else
      close();  // the client is gone
    return true;
  }
  static const boost::system::error_category& http_category() {
    return boost::beast::http::make_error_code(boost::beast::http::error::bad_value).category();
  }

  void refuse(unsigned status) {
    HttpRequest nobody;  // all that is known of it is where it came from
    stream_.describe(nobody);
    owner_->on_refused(status, nobody.address);
    begin_answer(/*header_only=*/false, /*keep_alive=*/false, /*may_chunk=*/true);
    respond(answer_number_, plain_error(status));
  }

  void on_request() {
    const bool may_chunk = parser_->get().version() >= 11;
    const bool keep_alive = parser_->keep_alive();
    HttpRequest request = to_request(parser_->release());
    parser_.reset();
    stream_.describe(request);
    begin_answer(request.method == "HEAD", keep_alive, may_chunk);
    owner_->handle(std::move(request), [weak = weak_from_this(), number = answer_number_](HttpResponse response) {
      if (const auto self = weak.lock()) self->respond(number, std::move(response));
    });
  }

  void begin_answer(bool header_only, bool keep_alive, bool may_chunk) {
    header_only_ = header_only;
    keep_alive_ = keep_alive;
    chunked_ = may_chunk;
    awaited_ = true;
    ++answer_number_;
    stage_ = Stage::answer;
    give(owner_->limits().write_timeout);
  }

  // Of the answer that is awaited the first response counts.
  void respond(std::uint64_t number, HttpResponse response) {
    if (closed_ || number != answer_number_ || !std::exchange(awaited_, false)) return;
    const bool streams = response.stream != nullptr && !header_only_;
    chunked_ = streams && chunked_;
    keep_alive_ = keep_alive_ && !streams;
    head_ = header_of(
        response,
        {.has_length = !streams, .length = response.body.size(), .chunked = chunked_, .keep_alive = keep_alive_});
    body_ = header_only_ ? std::string() : std::move(response.body);
    if (streams) {
      source_ = std::move(response.stream);
      source_->on_ready([weak = weak_from_this()] {
        if (const auto self = weak.lock())
          boost::asio::post(self->stream_.socket().get_executor(), [self] { self->on_wake(); });
      });
    }
    write({boost::asio::buffer(head_), boost::asio::buffer(body_), boost::asio::const_buffer()});
  }

  void write(const std::array<boost::asio::const_buffer, 3>& buffers) {
    give(owner_->limits().write_timeout);
    boost::asio::async_write(stream_.bytes(), buffers,
                             [self = shared_from_this()](const error_code& error, std::size_t) {
                               if (self->closed_) return;
                               if (error) return self->close();
                               self->on_written();
                             });
  }

  void on_written() {
    error_code ignored;
    deadline_.cancel(ignored);
    if (source_) return pump();
    if (!keep_alive_) return finish();
    stage_ = Stage::next_request;
    read(Clock::now() + owner_->limits().idle_timeout);
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
    boost::asio::post(stream_.socket().get_executor(), [self = shared_from_this()] {
      if (!self->closed_) self->pump();
    });
  }

  void write_piece() {
    if (!chunked_) return write({boost::asio::const_buffer(), boost::asio::buffer(body_), boost::asio::const_buffer()});
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", body_.size());
    head_ = size;
    write({boost::asio::buffer(head_), boost::asio::buffer(body_), boost::asio::buffer("\r\n", 2)});
  }

  void write_end() {
    source_.reset();
    if (!chunked_) return finish();
    head_ = "0\r\n\r\n";
    write({boost::asio::buffer(head_), boost::asio::const_buffer(), boost::asio::const_buffer()});
  }

  // Nothing to write: only a read tells that the client went away. Whatever it says now also ends the stream.
  void wait() {
    waiting_ = true;
    if (watching_) return;
    watching_ = true;
    stream_.socket().async_wait(boost::asio::socket_base::wait_read,
                                [self = shared_from_this()](const error_code&) { self->close(); });
  }

  void on_wake() {
    if (closed_ || !waiting_) return;
    waiting_ = false;
    pump();
  }

  void finish() {
    stage_ = Stage::end;
    give(linger_timeout);
    stream_.end([self = shared_from_this()] {
      if (self->closed_) return;
      error_code ignored;
      self->stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
      self->head_.resize(4096);
      self->hear_out();
    });
  }

  void hear_out() {
    stream_.socket().async_read_some(boost::asio::buffer(head_),
                                     [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                                       self->heard_bytes_ += bytes;
                                       if (self->closed_) return;
                                       if (error || self->heard_bytes_ > linger_bytes_max) return self->close();
                                       self->hear_out();
                                     });
  }

  Stream stream_;
  boost::asio::steady_timer deadline_;
  std::shared_ptr<HttpConnectionOwner> owner_;
  boost::beast::flat_buffer buffer_;
  std::optional<HttpRequestParser> parser_;
  std::unique_ptr<BodySource> source_;
  std::string head_;
  std::string body_;
  Clock::time_point first_deadline_;
  std::uint64_t answer_number_ = 0;
  std::size_t heard_bytes_ = 0;
  Stage stage_ = Stage::opening;
  bool header_only_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;  // before the answer is there: may be
  bool awaited_ = false;  // an answer
  bool waiting_ = false;
  bool watching_ = false;
  bool closed_ = false;
};

}  // namespace sallyport::controlplane
