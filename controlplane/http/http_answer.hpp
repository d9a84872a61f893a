// The header of an answer as bytes (RFC 9112), and the answers that the server gives by itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "controlplane/http/http_message.hpp"

namespace sallyport::controlplane {

// How the end of a body is told: RFC 9112, 6.3. Neither length nor chunks: by closing.
struct HttpFraming {
  bool has_length = false;
  std::size_t length = 0;
  bool chunked = false;
  bool keep_alive = false;
};

[[nodiscard]] std::string header_of(const HttpResponse& response, const HttpFraming& framing);
[[nodiscard]] HttpResponse plain_error(unsigned status);

inline constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n"
    "Connection: close\r\n\r\n{\"error\":\"too many connections\"}\n";

}  // namespace sallyport::controlplane
