// What the gateway grants: the answer to enroll and renew, every value parsed and within bounds, nothing of it kept as
// text that could mean something elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/ip.hpp"
#include "config/base/shared_key.hpp"
#include "tools/ctl/enroll/wiped_text.hpp"
#include "tools/ctl/times.hpp"

namespace sallyport::ctl {

// What a tunnel is made of; after a renewal the same but for the preshared key, if the gateway's configuration did not
// change.
struct TunnelPlan {
  std::vector<IpPrefix> addresses;
  std::vector<IpPrefix> routes;
  std::vector<IpAddress> dns;
  PublicKey gateway_key{};
  SharedKey preshared_key;  // not set: a gateway that gives none
  std::string endpoint;     // HOST:PORT
  std::uint16_t mtu = 1420;
  std::uint16_t persistent_keepalive_s = 0;  // 0: off
  friend bool operator==(const TunnelPlan&, const TunnelPlan&) = default;
};

struct Grant {
  std::string session;
  std::string identity;
  PublicKey public_key{};
  TunnelPlan tunnel;
  WallTime expires_at{};
  bool post_quantum = false;  // the key exchange by which the answer came
  WipedText session_token;    // of enroll alone
};

inline constexpr std::size_t most_tunnel_addresses = 16;
inline constexpr std::size_t most_tunnel_routes = 1024;
inline constexpr std::size_t most_tunnel_resolvers = 8;
inline constexpr std::chrono::seconds longest_session{10LL * 365 * 24 * 3600};

enum class GrantOf : std::uint8_t { enroll, renew };

// `own_key`: that the answer must be about. `now`: it must not have expired yet. The error says what was expected.
[[nodiscard]] tl::expected<Grant, std::string> parse_grant(std::string_view body, GrantOf of, const PublicKey& own_key,
                                                           WallTime now);

}  // namespace sallyport::ctl
