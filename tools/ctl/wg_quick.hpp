// The wg-quick file of a client. wg-quick runs what some keys of it say (PostUp and its like), as root: so no value
// from elsewhere goes into it as text; each is parsed and written anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/ip.hpp"
#include "tools/ctl/json_fields.hpp"

namespace sallyport::ctl {

struct WgQuick {
  std::string peer;  // of the gateway's configuration: the client itself
  PublicKey public_key{};
  std::vector<IpPrefix> addresses;
  std::uint16_t mtu = 0;
  std::vector<std::string> dns;
  PublicKey gateway_public_key{};
  std::optional<std::string> endpoint;
  std::vector<IpPrefix> allowed_ips;
  std::optional<std::uint16_t> persistent_keepalive_s;
  std::optional<std::string> preshared_key_file;
  std::vector<std::string> notes;  // comments at the top
};

// From the answer of /v1/client-config, every value checked.
[[nodiscard]] tl::expected<WgQuick, std::string> read_client_configuration(const Json& answer);

// The file. Without a private key its line is a comment that says what belongs there.
[[nodiscard]] std::string to_text(const WgQuick& file, std::string_view private_key, std::string_view preshared_key);

}  // namespace sallyport::ctl
