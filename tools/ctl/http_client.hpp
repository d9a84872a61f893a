// One HTTP request over a Unix socket, and its answer: whole, or piece by piece. Every wait has an end, every length a
// bound, and whatever the other side sends, a value or a message comes out. All of Boost.Beast is in http_client.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sallyport::ctl {

struct ClientLimits {
  std::chrono::milliseconds timeout{30'000};  // for the head of the answer, and for each piece of its body
  std::uint64_t body_bytes = std::uint64_t{256} << 20;
  std::uint32_t header_bytes = 64 * 1024;
};

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

struct TransportError {
  bool unreachable = false;  // nobody answered at all
  std::string message;
};

// Gets each piece of the body of an answer with status 200, and returns false to stop.
using OnPiece = std::function<bool(std::string_view)>;

// `if_match`: an ETag without quotes, which the server compares (RFC 9110, 13.1.1); empty: no condition.
[[nodiscard]] tl::expected<HttpAnswer, TransportError> http_request(const std::string& socket, std::string_view method,
                                                                    std::string_view target, std::string_view body = {},
                                                                    const ClientLimits& limits = {},
                                                                    std::string_view if_match = {});

// The same for an answer without an end: no bound on its length and no timeout between pieces; it ends when on_piece
// says so, with SIGINT or SIGTERM (both a success), or when the other side ends it. The answer's body is empty if its
// status is 200.
[[nodiscard]] tl::expected<HttpAnswer, TransportError> http_stream(const std::string& socket, std::string_view method,
                                                                   std::string_view target, std::string_view body,
                                                                   const OnPiece& on_piece,
                                                                   const ClientLimits& limits = {});

}  // namespace sallyport::ctl
