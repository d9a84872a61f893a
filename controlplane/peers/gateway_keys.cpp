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

bool same(const std::optional<wireguard::PresharedKey>& left, const std::optional<wireguard::PresharedKey>& right) {
  return left.has_value() == right.has_value() && (!left || same(*left, *right));
}

// Of a peer; the former one only of one by proof.
struct PresharedKeys {
  wireguard::PresharedKey present;
  std::optional<wireguard::PresharedKey> former;
};

// One peer whose keys must be computed.
struct NewPeer {
  const Peer* peer;
  std::shared_ptr<const LocalIdentity> local;
  PresharedKeys preshared;
  std::shared_ptr<const PeerKeys> keys;  // the result; null: a low-order point
};

// Null: a low-order point.
std::shared_ptr<const PeerKeys> make_keys(const LocalIdentity& local, const PublicKey& public_key,
                                          PresharedKeys preshared) {
  auto made = wireguard::make_peer_keys(local, public_key, std::move(preshared.present));
  if (!made) return nullptr;
  if (!preshared.former) return std::move(*made);
  return wireguard::with_preshared_keys(**made, (*made)->preshared_key.duplicate(), std::move(preshared.former));
}

void compute(std::vector<NewPeer>& peers, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    NewPeer& peer = peers[i];
    if (auto keys = make_keys(*peer.local, peer.peer->public_key, std::move(peer.preshared)))
      peer.keys = std::move(keys);
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

tl::expected<PresharedKeys, std::string> preshared_keys_of(const Peer& peer, std::optional<uid_t> reader) {
  PresharedKeys keys{.present = peer.preshared_key.duplicate(), .former = {}};
  if (peer.former_preshared_key) keys.former = peer.former_preshared_key->duplicate();
  if (!peer.preshared_key_file) return keys;
  auto read = config::read_key_file(*peer.preshared_key_file, reader);
  if (!read) return tl::unexpected("preshared_key_file: " + read.error());
  keys.present = std::move(*read);
  return keys;
}

// The same object if nothing changed; with other preshared keys a new one, for which nothing is computed.
std::shared_ptr<const PeerKeys> taken_over(const std::shared_ptr<const PeerKeys>& known, PresharedKeys& preshared) {
  if (same(known->preshared_key, preshared.present) && same(known->former_preshared_key, preshared.former))
    return known;
  return wireguard::with_preshared_keys(*known, std::move(preshared.present), std::move(preshared.former));
}

// The keys that a peer had before, as far as they are still the right ones. Null: they are not, and `preshared` is as
// it was.
std::shared_ptr<const PeerKeys> known_keys(const Peer& peer, const std::shared_ptr<const LocalIdentity>& local,
                                           PresharedKeys& preshared, const GatewayKeys& before) {
  const auto former_local = before.tunnels.find(peer.interface);
  if (former_local == before.tunnels.end() || former_local->second != local) return nullptr;
  for (const auto* known : {&before.peers, &before.former_peers}) {
    const auto found = known->find(peer.name);
    if (found != known->end() && found->second->public_key == peer.public_key)
      return taken_over(found->second, preshared);
  }
  return nullptr;
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
  auto preshared = preshared_keys_of(peer, keys.reader);
  if (!preshared) return tl::unexpected(preshared.error());
  if (auto known = known_keys(peer, local->second, *preshared, before)) return known;
  auto made = make_keys(*local->second, peer.public_key, std::move(*preshared));
  if (!made) return tl::unexpected(std::string(low_order));
  return made;
}

void add_former_key(Peer peer, const PublicKey& former_key, GatewayKeys& keys, const GatewayKeys& before) {
  peer.public_key = former_key;
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
    auto preshared = preshared_keys_of(peer, keys.reader);
    if (!preshared) {
      errors.push_back({peer.location, preshared.error()});
      continue;
    }
    const auto local = keys.tunnels.find(peer.interface);
    if (local == keys.tunnels.end()) continue;  // its key file is an error already
    if (local->second->public_key == peer.public_key) {
      errors.push_back({peer.location, own_key(peer)});
      continue;
    }
    if (auto known = known_keys(peer, local->second, *preshared, before))
      keys.peers[peer.name] = std::move(known);
    else
      new_peers.push_back({&peer, local->second, std::move(*preshared), nullptr});
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
