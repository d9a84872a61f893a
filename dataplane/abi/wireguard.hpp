// What the commands about tunnels, peers and sessions say for WireGuard alone; commands.hpp has what every tunnel has.
#pragma once

#include <array>
#include <cstdint>

#include "config/base/base64.hpp"

namespace sallyport::abi {

using Tai64n = std::array<std::uint8_t, 12>;  // the WireGuard paper, 5.1; all zero: none

// Makes the MAC1 and cookie keys. The private key stays in the control plane.
struct WireguardTunnel {
  PublicKey public_key;
};

// The greatest timestamp of a peer's initiations, which no other may repeat (the paper, 5.1).
struct HandshakeHistory {
  Tai64n greatest_timestamp;
  std::uint32_t reserved;
  std::uint64_t set_at_ns;  // CLOCK_BOOTTIME of the handshake that set it
};
static_assert(sizeof(HandshakeHistory) == 24);

struct WireguardSession {
  Tai64n timestamp;  // of the initiation, if the peer made it
  std::uint32_t reserved;
};

}  // namespace sallyport::abi
