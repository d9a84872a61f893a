// A peer as the control plane knows it, wherever it comes from: who it is, and the tunnel by which it is here. Whatever
// knows of peers (gateway.toml, peers.d, a session by proof) makes one of these; from then on nobody asks where it came
// from, but for what people are shown.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/base/shared_key.hpp"
#include "config/config.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

enum class PeerOrigin : std::uint8_t { gateway_file, peer_file, proof };

struct Peer {
  std::string name;       // of no other peer
  std::string interface;  // of a [[wireguard]]; with the key it is what makes a peer the same one under another name
  PublicKey public_key{};
  std::vector<IpPrefix> prefixes;  // no host bits; no prefix belongs to two peers
  policy::Facts facts;             // who it is
  PeerOrigin origin = PeerOrigin::gateway_file;
  config::Location location;  // where complaints about it point

  // Only of those that files name.
  std::optional<std::filesystem::path> preshared_key_file;
  std::optional<config::HostPort> endpoint;  // nothing: the peer comes first
  std::optional<std::chrono::seconds> persistent_keepalive;

  // Only of those by proof, which have one of their own; the former one is good beside it for a while.
  SharedKey preshared_key;
  std::optional<SharedKey> former_preshared_key;

  // What was configured or proven; empty: neither.
  [[nodiscard]] const std::string& identity() const;

  // Where it comes from makes no other peer of it.
  friend bool operator==(const Peer& a, const Peer& b);
};

// One that a file names. It was never authenticated by anything but its key, so it has no authentication time, and it
// never expires.
[[nodiscard]] Peer configured_peer(const config::Peer& peer, PeerOrigin origin);
[[nodiscard]] std::vector<Peer> configured_peers(std::span<const config::Peer> peers,
                                                 PeerOrigin origin = PeerOrigin::gateway_file);

}  // namespace sallyport::controlplane
