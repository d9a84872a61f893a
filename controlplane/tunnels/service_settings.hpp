// What the WireGuard service is told of tunnels and peers: ids instead of references, keys instead of files, addresses
// instead of names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/base/ip.hpp"
#include "controlplane/wireguard/keys.hpp"
#include "controlplane/wireguard/tai64n.hpp"

namespace sallyport::controlplane {

struct TunnelSettings {
  std::uint16_t tunnel_id = 0;
  std::string name;
  std::shared_ptr<const wireguard::LocalIdentity> identity;
  wireguard::Tai64n timestamp_floor;  // of our own initiations; used when the tunnel is new
};

struct PeerSettings {
  std::uint32_t peer_id = 0;
  std::uint16_t tunnel_id = 0;
  std::string name;
  std::shared_ptr<const wireguard::PeerKeys> keys;
  std::shared_ptr<const wireguard::PeerKeys> former_keys;  // still good beside `keys`, for a while; null: none
  IpEndpoint endpoint;                                     // configured; unset: none, or its name is not resolved yet
  bool has_endpoint_name = false;
  bool persistent_keepalive = false;
};

struct ServiceSettings {
  std::vector<TunnelSettings> tunnels;
  std::vector<PeerSettings> peers;
};

}  // namespace sallyport::controlplane
