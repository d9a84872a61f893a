#include "controlplane/http/http_parse.hpp"

#include <utility>

#include "controlplane/https/media_type.hpp"

namespace sallyport::controlplane {

namespace http = boost::beast::http;

namespace {

constexpr unsigned bad_request = 400, body_too_large = 413, length_required = 411, header_too_large = 431;

// Two of one of these: what we read is not what somebody in between read.
constexpr http::field single_fields[] = {http::field::authorization, http::field::content_type, http::field::host,
                                         http::field::if_match};

}  // namespace

void apply_limits(HttpRequestParser& parser, const HttpLimits& limits) {
  parser.header_limit(limits.header_bytes);
  parser.body_limit(limits.body_bytes);
}

// No client of ours sends chunks, and Beast 1.74 asserts on a last chunk that arrives in pieces (boostorg/beast, pull
// request 2861): a request says its length (RFC 9112, 6.3) or is refused.
unsigned refusal_of_header(const HttpRequestParser& parser) {
  if (parser.get().count(http::field::transfer_encoding) > 0) return length_required;
  for (const http::field field : single_fields)
    if (parser.get().count(field) > 1) return bad_request;
  return 0;
}

HttpRequest to_request(http::request<http::string_body>&& message) {
  const auto header = [&](http::field field) {
    const auto value = message[field];
    return std::string(value.data(), value.size());
  };
  const auto method = message.method_string();
  const auto target = message.target();
  HttpRequest request;
  request.method.assign(method.data(), method.size());
  request.target.assign(target.data(), target.size());
  request.if_match = header(http::field::if_match);
  request.content_type = media_type(header(http::field::content_type));
  request.authorization = header(http::field::authorization);
  request.body = std::move(message.body());
  return request;
}

unsigned refusal_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return header_too_large;
  if (error == http::error::body_limit) return body_too_large;
  return bad_request;
}

tl::expected<HttpRequest, unsigned> parse_http_request(std::string_view bytes, const HttpLimits& limits) {
  HttpRequestParser parser;
  apply_limits(parser, limits);
  boost::system::error_code error;
  bool header_checked = false;
  while (!error && !bytes.empty() && !parser.is_done()) {
    const std::size_t taken = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    bytes.remove_prefix(taken);
    if (parser.is_header_done() && !std::exchange(header_checked, true))
      if (const unsigned refusal = refusal_of_header(parser)) return tl::unexpected(refusal);
    if (error == http::error::need_more && taken > 0) error = {};
  }
  if (!error && parser.got_some() && !parser.is_done()) parser.put_eof(error);
  if (error) return tl::unexpected(refusal_of(error));
  if (!parser.is_done()) return tl::unexpected(bad_request);
  return to_request(parser.release());
}

}  // namespace sallyport::controlplane
