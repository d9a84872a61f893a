#include "controlplane/http/http_answer.hpp"

#include <algorithm>

#include <boost/beast/http/status.hpp>

namespace sallyport::controlplane {
namespace {

// etagc of RFC 9110, 8.8.3, without what is above ASCII: nothing else may stand in a header.
bool is_etag(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
}

}  // namespace

std::string header_of(const HttpResponse& response, const HttpFraming& framing) {
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  std::string header = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  header.append(reason.data(), reason.size());
  header += "\r\nContent-Type: " + response.content_type;
  if (framing.has_length) header += "\r\nContent-Length: " + std::to_string(framing.length);
  if (framing.chunked) header += "\r\nTransfer-Encoding: chunked";
  if (!response.allow.empty()) header += "\r\nAllow: " + response.allow;
  if (is_etag(response.etag)) header += "\r\nETag: \"" + response.etag + '"';
  if (response.retry_after_s > 0) header += "\r\nRetry-After: " + std::to_string(response.retry_after_s);
  if (!framing.keep_alive) header += "\r\nConnection: close";
  return header + "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";
}

HttpResponse plain_error(unsigned status) {
  return {.status = status, .body = R"({"error":"the request was refused: status )" + std::to_string(status) + "\"}"};
}

}  // namespace sallyport::controlplane
