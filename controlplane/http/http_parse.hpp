// The bytes of a request as an HttpRequest, or the status that it is refused with. Beast's parser is in it: for
// http_parse.cpp and the connections alone.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "controlplane/http/http_message.hpp"
#include "controlplane/http/http_server.hpp"

namespace sallyport::controlplane {

using HttpRequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

void apply_limits(HttpRequestParser& parser, const HttpLimits& limits);
// Of a header that is complete: the status that it is refused with, or 0.
[[nodiscard]] unsigned refusal_of_header(const HttpRequestParser& parser);
[[nodiscard]] HttpRequest to_request(boost::beast::http::request<boost::beast::http::string_body>&& message);
[[nodiscard]] unsigned refusal_of(const boost::system::error_code& error);

}  // namespace sallyport::controlplane
