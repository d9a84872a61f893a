// Where the enrolment API is: "https://HOST" or "https://HOST:PORT".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace sallyport::ctl {

struct GatewayUrl {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 443;

  [[nodiscard]] std::string host_header() const;  // "vpn.example.com", "[2001:db8::1]:8443"
};

// Nothing but host and port: no user, path, query or fragment, and no http.
[[nodiscard]] tl::expected<GatewayUrl, std::string> parse_gateway_url(std::string_view text);

}  // namespace sallyport::ctl
