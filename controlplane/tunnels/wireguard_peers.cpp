// The tunnels and peers of WireguardService: which keys each has, and what is known of them.
#include <algorithm>
#include <chrono>
#include <utility>

#include "controlplane/tunnels/wireguard_service.hpp"

namespace sallyport::controlplane {

using wireguard::BootTime;
using wireguard::LocalIndex;

// ---- configuration ----

void WireguardService::apply(const ServiceSettings& settings) {
  std::map<std::uint16_t, const TunnelSettings*> wanted_tunnels;
  for (const TunnelSettings& tunnel : settings.tunnels) wanted_tunnels[tunnel.tunnel_id] = &tunnel;
  std::map<std::uint32_t, const PeerSettings*> wanted_peers;
  for (const PeerSettings& peer : settings.peers) wanted_peers[peer.peer_id] = &peer;

  // 1. What goes: tunnels that are gone or have another key, with their peers; peers that are gone or somebody else.
  std::set<std::uint32_t> rekeyed_peers;
  for (auto entry = tunnels_.begin(); entry != tunnels_.end();) {
    Tunnel& tunnel = *entry->second;
    const auto wanted = wanted_tunnels.find(entry->first);
    if (wanted != wanted_tunnels.end() && wanted->second->identity == tunnel.settings.identity) {
      tunnel.settings.name = wanted->second->name;
      ++entry;
      continue;
    }
    if (wanted != wanted_tunnels.end()) {
      retire_sessions_of(tunnel);
      for (const auto& [key, id] : tunnel.peers) rekeyed_peers.insert(id);
    }
    std::vector<std::uint32_t> ids;
    for (const auto& [key, id] : tunnel.peers) ids.push_back(id);
    for (const std::uint32_t id : ids) remove_peer(id);
    entry = tunnels_.erase(entry);
  }
  std::vector<std::uint32_t> gone;
  for (const auto& [id, peer] : peers_) {
    const auto wanted = wanted_peers.find(id);
    if (wanted == wanted_peers.end() || is_another(*peer, *wanted->second)) gone.push_back(id);
  }
  for (const std::uint32_t id : gone) remove_peer(id);

  // 2. What comes or changes.
  for (const auto& [id, tunnel] : wanted_tunnels) {
    if (tunnels_.contains(id)) continue;
    tunnels_[id] = std::make_unique<Tunnel>(*tunnel, random_, indices_);
  }
  for (const auto& [id, wanted] : wanted_peers)
    set_peer(*wanted, rekeyed_peers.contains(id) ? Call::in_turn : Call::now);
}

bool WireguardService::is_another(const Peer& peer, const PeerSettings& wanted) {
  if (wanted.tunnel_id != peer.settings.tunnel_id) return true;
  const PublicKey& key = peer.present->public_key();
  return wanted.keys->public_key != key && (!wanted.former_keys || wanted.former_keys->public_key != key);
}

void WireguardService::set_peer(const PeerSettings& settings) {
  if (const Peer* peer = find(settings.peer_id); peer != nullptr && is_another(*peer, settings))
    remove_peer(settings.peer_id);
  set_peer(settings, Call::now);
}

void WireguardService::set_peer(const PeerSettings& wanted, Call new_peers) {
  const std::uint32_t id = wanted.peer_id;
  Tunnel* tunnel = find_tunnel(wanted.tunnel_id);
  if (tunnel == nullptr) return;
  if (Peer* peer = find(id)) {
    const bool called_before = peer->settings.persistent_keepalive && peer->settings.endpoint.is_set();
    take_keys(*peer, wanted);
    peer->settings = wanted;
    reschedule(*peer);
    if (!called_before && connected_) call(id);
    return;
  }
  auto made = std::make_unique<Peer>(++last_incarnation_, wanted, *tunnel);
  made->present = make_key(*made, wanted.keys);
  take_keys(*made, wanted);
  peers_[id] = std::move(made);
  if (!connected_) return;
  if (new_peers == Call::in_turn)
    to_call_.push_back(id);
  else
    call(id);
}

void WireguardService::remove_peer(std::uint32_t peer_id) {
  const auto found = peers_.find(peer_id);
  if (found == peers_.end()) return;
  Peer& peer = *found->second;
  if (peer.scheduled) deadlines_.erase({*peer.scheduled, peer_id});
  forget_key(peer, peer.present->public_key());
  if (peer.former) forget_key(peer, peer.former->public_key());
  unconfirmed_.erase(peer_id);
  roaming_.erase(peer_id);
  peers_.erase(found);
}

// ---- keys ----

// The peer is the same one. A key that stays keeps its handshakes and timestamps, whichever of the two it is now.
void WireguardService::take_keys(Peer& peer, const PeerSettings& wanted) {
  const PublicKey& key = wanted.keys->public_key;
  const bool has_former = wanted.former_keys && wanted.former_keys->public_key != key;
  if (peer.present->public_key() != key) {
    auto next = peer.former && peer.former->public_key() == key ? std::move(peer.former) : nullptr;
    if (peer.former) drop_former_key(peer);
    peer.former = std::exchange(peer.present, next ? std::move(next) : make_key(peer, wanted.keys));
  }
  if (peer.former && (!has_former || peer.former->public_key() != wanted.former_keys->public_key))
    drop_former_key(peer);
  if (has_former && !peer.former) peer.former = make_key(peer, wanted.former_keys);
  // Other secrets with the same public key.
  if (&peer.present->handshake.keys() != wanted.keys.get()) peer.present->handshake.replace_keys(wanted.keys);
  if (peer.former && &peer.former->handshake.keys() != wanted.former_keys.get())
    peer.former->handshake.replace_keys(wanted.former_keys);

  peer.tunnel->peers[key] = peer.settings.peer_id;
  // Unless it is another peer's by now.
  if (peer.former) peer.tunnel->peers.try_emplace(peer.former->public_key(), peer.settings.peer_id);
}

std::unique_ptr<WireguardService::PeerKeyState> WireguardService::make_key(
    Peer& peer, std::shared_ptr<const wireguard::PeerKeys> keys) {
  const KeyNumber number = peer.next_key;
  peer.next_key = static_cast<KeyNumber>((number + 1) % key_numbers);
  return std::make_unique<PeerKeyState>(peer, number, std::move(keys));
}

// Its sessions end with it, and so do those that were adopted: they may be its.
void WireguardService::drop_former_key(Peer& peer) {
  for (const LocalIndex index : peer.sessions) {
    const auto owner = indices_.find(index);
    if (owner && owner->peer_id == peer.settings.peer_id &&
        (owner->key == peer.former->number || owner->key == unknown_key_number))
      outputs_.retire_session(static_cast<std::uint32_t>(index), owner->session_id);
  }
  forget_key(peer, peer.former->public_key());
  if (peer.last_completed == peer.former->number) peer.last_completed.reset();
  peer.former.reset();
}

void WireguardService::forget_key(Peer& peer, const PublicKey& key) {
  const auto known = peer.tunnel->peers.find(key);
  if (known != peer.tunnel->peers.end() && known->second == peer.settings.peer_id) peer.tunnel->peers.erase(known);
}

WireguardService::PeerKeyState* WireguardService::find_key(Peer& peer, KeyNumber number) {
  if (peer.present->number == number) return peer.present.get();
  return peer.former && peer.former->number == number ? peer.former.get() : nullptr;
}

WireguardService::PeerKeyState* WireguardService::find_key(Peer& peer, const PublicKey& key) {
  if (peer.present->public_key() == key) return peer.present.get();
  return peer.former && peer.former->public_key() == key ? peer.former.get() : nullptr;
}

// The key of the newest session. Where that is not known, an accepted timestamp proves that the peer has its new key.
WireguardService::PeerKeyState& WireguardService::calling_key(Peer& peer) {
  if (!peer.former) return *peer.present;
  if (peer.last_completed)
    if (PeerKeyState* key = find_key(peer, *peer.last_completed)) return *key;
  return peer.present->handshake.greatest_timestamp() ? *peer.present : *peer.former;
}

void WireguardService::retire_sessions_of(const Tunnel& tunnel) {
  std::set<std::uint32_t> ids;
  for (const auto& [key, id] : tunnel.peers) ids.insert(id);
  indices_.for_each_session([&](LocalIndex index, const SessionIndices::Owner& owner) {
    if (ids.contains(owner.peer_id)) outputs_.retire_session(static_cast<std::uint32_t>(index), owner.session_id);
  });
}

void WireguardService::set_endpoint(std::uint32_t peer_id, const IpEndpoint& endpoint) {
  Peer* peer = find(peer_id);
  if (peer == nullptr) return;
  if (endpoint != peer->settings.endpoint) peer->has_another_address = true;
  peer->settings.endpoint = endpoint;
  if (connected_) call(peer_id);
}

WireguardService::Peer* WireguardService::find_by_key(const PeerKey& key) {
  for (auto& [id, tunnel] : tunnels_) {
    if (tunnel->settings.identity->public_key != key.tunnel) continue;
    if (const auto found = tunnel->peers.find(key.peer); found != tunnel->peers.end()) return find(found->second);
  }
  return nullptr;
}

void WireguardService::restore_timestamp(const PeerKey& key, const wireguard::GreatestTimestamp& saved) {
  Peer* peer = find_by_key(key);
  PeerKeyState* known = peer != nullptr ? find_key(*peer, key.peer) : nullptr;
  if (known != nullptr) known->handshake.restore_timestamp(saved, clock_());
}

void WireguardService::restore_endpoint(const PeerKey& key, const IpEndpoint& remote, const IpEndpoint& local,
                                        std::chrono::nanoseconds age) {
  Peer* peer = find_by_key(key);
  if (peer == nullptr || peer->known_endpoint.is_set() || !is_usable(remote)) return;
  peer->known_endpoint = remote;
  if (is_usable(local) && local.address.family == remote.address.family) peer->known_local = local;
  const std::uint64_t since_boot_ns = now_ns();
  const auto age_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(age.count(), 0));
  peer->last_active_ns = std::max(peer->last_active_ns, since_boot_ns > age_ns ? since_boot_ns - age_ns : 1);
}

// ---- timestamps ----

void WireguardService::complete(abi::SetPeer& message) const {
  const auto found = peers_.find(message.peer_id);
  if (found == peers_.end() || found->second->present->public_key() != message.key) return;
  const auto& greatest = found->second->present->handshake.greatest_timestamp();
  if (!greatest) return;
  message.history.greatest_timestamp = greatest->value.bytes;
  // It may have been set before this boot; the dataplane's clock does not go back that far.
  message.history.set_at_ns = greatest->set_at > BootTime{} ? wireguard::to_boottime_ns(greatest->set_at) : 1;
}

void WireguardService::forget_timestamp(std::uint32_t peer_id) {
  Peer* peer = find(peer_id);
  if (peer == nullptr) return;
  peer->present->handshake.forget_timestamp();
  if (peer->former) peer->former->handshake.forget_timestamp();
}

std::vector<std::pair<PeerKey, wireguard::GreatestTimestamp>> WireguardService::timestamps() const {
  std::vector<std::pair<PeerKey, wireguard::GreatestTimestamp>> list;
  const auto add = [&list](const PeerKeyState& key) {
    if (const auto& greatest = key.handshake.greatest_timestamp())
      list.push_back({{key.peer.tunnel->settings.identity->public_key, key.public_key()}, *greatest});
  };
  for (const auto& [id, peer] : peers_) {
    add(*peer->present);
    if (peer->former) add(*peer->former);
  }
  return list;
}

std::map<PublicKey, wireguard::Tai64n> WireguardService::reservations_wanted() const {
  std::map<PublicKey, wireguard::Tai64n> wanted;
  for (const auto& [id, tunnel] : tunnels_)
    if (const auto until = tunnel->timestamps.reservation_wanted(clock_().wall))
      wanted[tunnel->settings.identity->public_key] = *until;
  return wanted;
}

void WireguardService::reservation_written(const PublicKey& key, const wireguard::Tai64n& until) {
  for (auto& [id, tunnel] : tunnels_)
    if (tunnel->settings.identity->public_key == key) tunnel->timestamps.reserved(until);
}

}  // namespace sallyport::controlplane
