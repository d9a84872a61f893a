// One HTTPS request to the gateway, or to an identity provider, and its answer: TLS 1.2 or later, the server's
// certificate and name always checked, no redirect followed, one deadline for everything, every length bounded.
// Whatever the other side sends, an answer or a message comes out. OpenSSL and Boost.Beast are in https_exchange.cpp
// alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/gateway_url.hpp"

namespace sallyport::ctl {

struct HttpsSettings {
  GatewayUrl gateway;
  std::string ca_file;                                 // who may vouch for the gateway; empty: the system's CAs
  std::string certificate_file, certificate_key_file;  // ours, read anew each time; empty: none
  std::chrono::milliseconds connect_timeout{5'000};    // of each of the host's addresses
  std::chrono::milliseconds timeout{20'000};           // from the name to the last byte
  int stop_descriptor = -1;                            // readable: give up
  std::uint32_t mark = 0;                              // SO_MARK, by which a default route in the tunnel is passed by
};

struct HttpsAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  std::optional<std::uint32_t> retry_after_s;
};

struct HttpsError {
  enum class Kind : std::uint8_t {
    unreachable,  // nobody answered
    untrusted,    // somebody did who is not the gateway
    senseless,    // an answer that is no HTTP, too long, cut off
    local,        // a file here is wrong
    stopped,
  };
  Kind kind;
  std::string message;
};

// `body`: of the content type, or empty for none. `session_token`: for "Authorization: Bearer"; empty: no such header.
[[nodiscard]] tl::expected<HttpsAnswer, HttpsError> https_request(const HttpsSettings& settings,
                                                                  std::string_view method, std::string_view target,
                                                                  std::string_view session_token, std::string_view body,
                                                                  std::string_view content_type = "application/json");

}  // namespace sallyport::ctl
