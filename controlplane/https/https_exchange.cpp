#include "controlplane/https/https_exchange.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "controlplane/https/media_type.hpp"

namespace sallyport::controlplane {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

// What the header of a request may be made of: nothing that ends a line or a value.
bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string problem_of(const HttpsRequest& request) {
  if (request.url.host.empty() || !is_visible(request.url.host) || !request.url.target.starts_with('/') ||
      !is_visible(request.url.target))
    return "expected a URL as parse_https_url makes it";
  if (request.bearer && (request.bearer->empty() || !is_visible(*request.bearer)))
    return "the bearer token is empty or has a byte that no header may carry";
  if (!is_visible(request.accept)) return "expected a media type to accept";
  return {};
}

std::string header_of(const HttpsRequest& request) {
  const HttpsUrl& url = request.url;
  std::string header = "GET " + url.target + " HTTP/1.1\r\nHost: ";
  header += url.host.find(':') == std::string::npos ? url.host : '[' + url.host + ']';
  if (url.port != 443) header += ':' + std::to_string(url.port);
  header += "\r\nAccept: " + request.accept + "\r\nAccept-Encoding: identity\r\nUser-Agent: sallyport";
  if (request.bearer) header += "\r\nAuthorization: Bearer " + *request.bearer;
  return header + "\r\nConnection: close\r\n\r\n";
}

std::string in_ms(std::chrono::milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

std::string read_problem(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return "the answer's header is larger than " + std::to_string(HttpsExchange::header_bytes_max) + " bytes";
  if (error == http::error::end_of_stream || error == asio::error::eof || error == asio::ssl::error::stream_truncated ||
      error == http::error::partial_message)
    return "the server closed the connection before its answer was complete";
  if (error.category() == http::make_error_code(http::error::bad_value).category())
    return "the answer is no HTTP: " + error.message();
  return "the answer cannot be read: " + error.message();
}

}  // namespace

HttpsExchange::HttpsExchange(asio::io_context& loop, HttpsRequest request, HttpsEvents events)
    : loop_(loop),
      request_(std::move(request)),
      events_(std::make_shared<const HttpsEvents>(std::move(events))),
      deadline_(loop),
      connection_(std::make_shared<TlsConnection>(loop)) {}

void HttpsExchange::start() {
  asio::post(loop_, [self = shared_from_this()] {
    if (self->events_) self->open();
  });
}

void HttpsExchange::cancel() {
  events_.reset();
  deadline_.cancel();
  connection_->close();
}

void HttpsExchange::open() {
  if (const std::string problem = problem_of(request_); !problem.empty()) return fail(problem);
  give(request_.connect_timeout);
  connection_->open(request_.url, request_.ca_pem, request_.connect_timeout,
                    [weak = weak_from_this()](const std::string& problem) {
                      const auto self = weak.lock();
                      if (!self || !self->events_) return;
                      problem.empty() ? self->ask() : self->fail(problem);
                    });
}

void HttpsExchange::ask() {
  stage_ = Stage::answering;
  give(request_.answer_timeout);
  head_ = header_of(request_);
  asio::async_write(connection_->stream(), asio::buffer(head_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (!self->events_) return;
                      if (error) return self->fail("the request cannot be sent: " + error.message());
                      self->read_header();
                    });
}

// Beast reads the header alone; its body is `body_`'s.
void HttpsExchange::read_header() {
  parser_.emplace();
  parser_->header_limit(header_bytes_max);
  // Not boost::none: Boost 1.74 takes every length to be larger than that.
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  http::async_read_header(connection_->stream(), buffer_, *parser_,
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                            if (!self->events_) return;
                            if (error) return self->fail(read_problem(error));
                            self->on_header();
                          });
}

void HttpsExchange::on_header() {
  const auto& header = parser_->get();
  answer_.status = header.result_int();
  if (answer_.status < 200) {
    if (answer_.status == 101 || ++interim_answers_ > interim_answers_max)
      return fail("expected an answer, got status " + std::to_string(answer_.status));
    return read_header();
  }
  const auto type = header[http::field::content_type];
  answer_.content_type = media_type({type.data(), type.size()});
  auto body = framing();
  if (!body) return fail(body.error());
  body_ = std::move(*body);
  parser_.reset();
  if (!events_->on_answer && answer_.status == 200) {
    stage_ = Stage::streaming;
    give(request_.idle_timeout);
    const auto events = events_;
    if (events->stream.on_open) events->stream.on_open();
    if (!events_) return;
  }
  take_body();
}

// RFC 9112, 6.3. Both a length and chunks, or another coding: somebody lies about where the answer ends.
tl::expected<AnswerBody, std::string> HttpsExchange::framing() const {
  const auto& header = parser_->get();
  if (answer_.status == 204 || answer_.status == 304) return AnswerBody();
  const auto encoding = header[http::field::content_encoding];
  if (!encoding.empty() && !boost::beast::iequals(encoding, "identity"))
    return tl::unexpected(std::string("expected an answer without a content encoding"));
  if (header.count(http::field::transfer_encoding) > 0) {
    const auto coding = header[http::field::transfer_encoding];
    if (header.count(http::field::transfer_encoding) > 1 || header.count(http::field::content_length) > 0 ||
        !boost::beast::iequals(coding, "chunked"))
      return tl::unexpected(std::string("expected an answer with a length or in chunks"));
    return AnswerBody(AnswerBody::Ends::with_last_chunk);
  }
  const auto length = parser_->content_length();
  if (!length) return AnswerBody(AnswerBody::Ends::with_connection);
  const bool bounded = events_->on_answer || answer_.status != 200;
  if (bounded && *length > request_.body_bytes_max)
    return tl::unexpected("the answer has " + std::to_string(*length) + " bytes, expected " +
                          std::to_string(request_.body_bytes_max) + " at most");
  return AnswerBody(AnswerBody::Ends::at_length, *length);
}

void HttpsExchange::take_body() {
  const auto data = buffer_.data();
  std::string_view bytes(static_cast<const char*>(data.data()), data.size());
  while (!bytes.empty() && !body_.done()) {
    const auto piece = body_.take(bytes);
    if (!piece) return fail("the answer is no HTTP: " + piece.error());
    if (!piece->empty() && !deliver(*piece)) return;
  }
  buffer_.consume(buffer_.size());
  body_.done() ? succeed() : read_more();
}

void HttpsExchange::read_more() {
  connection_->stream().async_read_some(buffer_.prepare(read_bytes),
                                        [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                                          if (!self->events_) return;
                                          if (error) return self->on_end_of_connection(error);
                                          self->buffer_.commit(bytes);
                                          if (self->stage_ == Stage::streaming) self->give(self->request_.idle_timeout);
                                          self->take_body();
                                        });
}

// Without close_notify anybody on the way may have cut the connection, and the answer.
void HttpsExchange::on_end_of_connection(const error_code& error) {
  if (error == asio::error::eof && body_.may_end_now()) return succeed();
  fail(read_problem(error));
}

bool HttpsExchange::deliver(std::string_view piece) {
  if (stage_ == Stage::streaming) {
    const auto events = events_;
    if (events->stream.on_piece) events->stream.on_piece(piece);
    return events_ != nullptr;
  }
  if (piece.size() > request_.body_bytes_max - answer_.body.size()) {
    fail("the answer is larger than " + std::to_string(request_.body_bytes_max) + " bytes");
    return false;
  }
  answer_.body += piece;
  return true;
}

// The wait owns the exchange: while there is a deadline, somebody is there to meet it.
void HttpsExchange::give(std::chrono::milliseconds time) {
  if (time.count() <= 0) {
    deadline_.cancel();
    return;
  }
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](const error_code& error) {
    // A wait that was over just before it was renewed comes too, without an error.
    if (!error && self->events_ && self->deadline_.expiry() <= std::chrono::steady_clock::now()) self->on_deadline();
  });
}

void HttpsExchange::on_deadline() {
  switch (stage_) {
    case Stage::connecting:
      return fail("no connection within " + in_ms(request_.connect_timeout) + ", " + connection_->stage());
    case Stage::answering:
      return fail("no complete answer within " + in_ms(request_.answer_timeout));
    case Stage::streaming:
      return fail("nothing came for " + in_ms(request_.idle_timeout));
  }
}

void HttpsExchange::succeed() {
  const auto events = std::exchange(events_, nullptr);
  cancel();
  if (events->on_answer) return events->on_answer(std::move(answer_));
  if (stage_ == Stage::streaming) {
    if (events->stream.on_end) events->stream.on_end({});
  } else if (events->stream.on_refused) {
    events->stream.on_refused(std::move(answer_));
  }
}

void HttpsExchange::fail(const std::string& why) {
  const auto events = std::exchange(events_, nullptr);
  cancel();
  if (events->on_answer) return events->on_answer(tl::unexpected(why));
  if (events->stream.on_end) events->stream.on_end(why);
}

}  // namespace sallyport::controlplane
