// What `wg show IF dump` prints: one line of the interface, one for each peer, values between tabs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/base64.hpp"
#include "config/base/secret.hpp"

namespace sallyport::ctl {

struct WgPeer {
  PublicKey key{};
  std::string endpoint;                     // empty: none yet
  std::uint64_t last_handshake_unix_s = 0;  // 0: never
  std::uint64_t received_bytes = 0, sent_bytes = 0;
};
struct WgInterface {
  std::optional<Secret<key_bytes>> private_key;
  std::vector<WgPeer> peers;
};

inline constexpr std::size_t most_wg_peers = 4096;

// Nothing if it is not what `wg` prints.
[[nodiscard]] std::optional<WgInterface> parse_wg_dump(std::string_view dump);

}  // namespace sallyport::ctl
