#include "controlplane/peers/gateway_keys.hpp"

#include <sodium.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "config/base/privileges.hpp"
#include "config/secret_files.hpp"

namespace sallyport::controlplane {
namespace {

using wireguard::LocalIdentity;
using wireguard::PeerKeys;

template <std::size_t N>
bool same(const Secret<N>& left, const Secret<N>& right) {
  return sodium_memcmp(left.expose().data(), right.expose().data(), N) == 0;
}

// One peer whose keys must be computed.
struct NewPeer {
  const Peer* peer;
  std::shared_ptr<const LocalIdentity> local;
  wireguard::PresharedKey preshared_key;
  std::shared_ptr<const PeerKeys> keys;  // the result; null: a low-order point
};

void compute(std::vector<NewPeer>& peers, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    NewPeer& peer = peers[i];
    auto keys = wireguard::make_peer_keys(*peer.local, peer.peer->public_key, std::move(peer.preshared_key));
    if (keys) peer.keys = std::move(*keys);
  }
}

void compute_all(std::vector<NewPeer>& peers) {
  constexpr std::size_t worth_a_thread = 500;
  const std::size_t middle = peers.size() / 2;
  if (peers.size() < worth_a_thread) return compute(peers, 0, peers.size());
  std::thread other([&] { compute(peers, 0, middle); });
  compute(peers, middle, peers.size());
  other.join();
}

constexpr const char* low_order = "public_key: is a low-order point, which gives no secret";

tl::expected<wireguard::PresharedKey, std::string> preshared_key_of(const Peer& peer, std::optional<uid_t> reader) {
  if (!peer.preshared_key_file) return wireguard::PresharedKey{};
  auto read = config::read_key_file(*peer.preshared_key_file, reader);
  if (!read) return tl::unexpected("preshared_key_file: " + read.error());
  return std::move(*read);
}

// The keys that a peer had before, if they are still the right ones.
std::shared_ptr<const PeerKeys> known_keys(const Peer& peer, const std::shared_ptr<const LocalIdentity>& local,
                                           const wireguard::PresharedKey& preshared_key, const GatewayKeys& before) {
  const auto known = before.peers.find(peer.name);
  const auto former_local = before.tunnels.find(peer.interface);
  if (known == before.peers.end() || former_local == before.tunnels.end() || former_local->second != local ||
      known->second->public_key != peer.public_key || !same(known->second->preshared_key, preshared_key))
    return nullptr;
  return known->second;
}

std::string own_key(const Peer& peer) {
  return "public_key: is the key of wireguard " + peer.interface + " itself";
}

}  // namespace

std::optional<uid_t> reader_of(const config::Config& configuration) {
  if (!configuration.controlplane.user) return std::nullopt;
  const auto account = find_account(*configuration.controlplane.user);
  return account ? std::optional(account->user) : std::nullopt;
}

tl::expected<std::shared_ptr<const PeerKeys>, std::string> load_peer_keys(const Peer& peer, const GatewayKeys& keys,
                                                                          const GatewayKeys& before) {
  const auto local = keys.tunnels.find(peer.interface);
  if (local == keys.tunnels.end()) return tl::unexpected("wireguard " + peer.interface + " has no key");
  if (local->second->public_key == peer.public_key) return tl::unexpected(own_key(peer));
  auto preshared_key = preshared_key_of(peer, keys.reader);
  if (!preshared_key) return tl::unexpected(preshared_key.error());
  if (auto known = known_keys(peer, local->second, *preshared_key, before)) return known;
  auto made = wireguard::make_peer_keys(*local->second, peer.public_key, std::move(*preshared_key));
  if (!made) return tl::unexpected(std::string(low_order));
  return std::move(*made);
}

void add_former_key(Peer peer, const PublicKey& former_key, GatewayKeys& keys, const GatewayKeys& before) {
  peer.public_key = former_key;
  const auto tunnel_before = before.tunnels.find(peer.interface);
  const auto tunnel = keys.tunnels.find(peer.interface);
  const bool same_tunnel =
      tunnel != keys.tunnels.end() && tunnel_before != before.tunnels.end() && tunnel->second == tunnel_before->second;
  for (const auto* known : {&before.peers, &before.former_peers}) {
    const auto found = known->find(peer.name);
    if (!same_tunnel || found == known->end() || found->second->public_key != former_key) continue;
    keys.former_peers[peer.name] = found->second;
    return;
  }
  if (auto made = load_peer_keys(peer, keys, before)) keys.former_peers[peer.name] = std::move(*made);
}

tl::expected<GatewayKeys, std::vector<config::Error>> load_keys(const config::Config& configuration,
                                                                std::span<const Peer> peers,
                                                                const GatewayKeys& before) {
  GatewayKeys keys;
  keys.reader = reader_of(configuration);
  std::vector<config::Error> errors;
  for (const config::Wireguard& tunnel : configuration.wireguards) {
    auto private_key = config::read_key_file(tunnel.private_key_file, keys.reader);
    if (!private_key) {
      errors.push_back({tunnel.location, "private_key_file: " + private_key.error()});
      continue;
    }
    const auto known = before.tunnels.find(tunnel.name);
    keys.tunnels[tunnel.name] = known != before.tunnels.end() && same(known->second->private_key, *private_key)
                                    ? known->second
                                    : wireguard::make_local_identity(std::move(*private_key));
  }

  std::vector<NewPeer> new_peers;
  for (const Peer& peer : peers) {
    auto preshared_key = preshared_key_of(peer, keys.reader);
    if (!preshared_key) {
      errors.push_back({peer.location, preshared_key.error()});
      continue;
    }
    const auto local = keys.tunnels.find(peer.interface);
    if (local == keys.tunnels.end()) continue;  // its key file is an error already
    if (local->second->public_key == peer.public_key) {
      errors.push_back({peer.location, own_key(peer)});
      continue;
    }
    if (auto known = known_keys(peer, local->second, *preshared_key, before))
      keys.peers[peer.name] = std::move(known);
    else
      new_peers.push_back({&peer, local->second, std::move(*preshared_key), nullptr});
  }
  compute_all(new_peers);
  for (NewPeer& peer : new_peers) {
    if (peer.keys)
      keys.peers[peer.peer->name] = std::move(peer.keys);
    else
      errors.push_back({peer.peer->location, low_order});
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return keys;
}

}  // namespace sallyport::controlplane
