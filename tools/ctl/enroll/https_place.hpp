// A place at a server that an HTTPS URL names: of an identity provider, which has paths where the gateway has none.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "tools/ctl/enroll/gateway_url.hpp"

namespace sallyport::ctl {

struct HttpsPlace {
  GatewayUrl server;
  std::string target;  // the path, with what follows '?'; begins with '/'
};

inline constexpr std::size_t longest_url_bytes = 2048;

// "https://HOST[:PORT][/PATH[?QUERY]]" of visible ASCII; no user and no fragment.
[[nodiscard]] tl::expected<HttpsPlace, std::string> parse_https_place(std::string_view text);

}  // namespace sallyport::ctl
