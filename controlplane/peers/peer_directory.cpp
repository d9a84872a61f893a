#include "controlplane/peers/peer_directory.hpp"

#include <utility>

namespace sallyport::controlplane {

std::size_t PeerDirectory::PrefixHash::operator()(const IpPrefix& prefix) const noexcept {
  // No padding (asserted in ip.hpp), so equal prefixes have equal bytes.
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&prefix), sizeof prefix});
}

void PeerDirectory::rebuild(std::vector<Peer>& peers) {
  peers_ = &peers;
  by_name_.clear();
  by_id_.clear();
  by_key_.clear();
  by_prefix_.clear();
  prefixes_v4_ = {};
  prefixes_v6_ = {};
  for (std::size_t position = 0; position < peers.size(); ++position) index(position);
}

void PeerDirectory::index(std::size_t position) {
  const Peer& peer = (*peers_)[position];
  const auto [entry, is_new] = by_name_.try_emplace(peer.name, Entry{position, std::nullopt});
  entry->second.position = position;
  by_key_[key_of(peer.interface, peer.public_key)] = peer.name;
  for (const IpPrefix& prefix : peer.prefixes)
    if (by_prefix_.insert_or_assign(prefix, peer.name).second)
      ++(prefix.address.is_v4() ? prefixes_v4_ : prefixes_v6_)[prefix.length];
}

void PeerDirectory::forget(const Peer& peer) {
  const auto keyed = by_key_.find(key_of(peer.interface, peer.public_key));
  if (keyed != by_key_.end() && keyed->second == peer.name) by_key_.erase(keyed);
  for (const IpPrefix& prefix : peer.prefixes) {
    const auto found = by_prefix_.find(prefix);
    if (found == by_prefix_.end() || found->second != peer.name) continue;  // somebody else's by now
    by_prefix_.erase(found);
    --(prefix.address.is_v4() ? prefixes_v4_ : prefixes_v6_)[prefix.length];
  }
}

const Peer& PeerDirectory::add(Peer peer) {
  peers_->push_back(std::move(peer));
  index(peers_->size() - 1);
  return peers_->back();
}

const Peer& PeerDirectory::replace(Peer peer) {
  const std::size_t position = by_name_.at(peer.name).position;
  forget((*peers_)[position]);
  (*peers_)[position] = std::move(peer);
  index(position);
  return (*peers_)[position];
}

void PeerDirectory::remove(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  const std::size_t position = found->second.position;
  forget((*peers_)[position]);
  if (found->second.id) by_id_.erase(*found->second.id);
  by_name_.erase(found);
  if (position + 1 != peers_->size()) {
    (*peers_)[position] = std::move(peers_->back());
    by_name_.at((*peers_)[position].name).position = position;
  }
  peers_->pop_back();
}

void PeerDirectory::rename(const Renames& renames) {
  std::vector<std::pair<std::string, Entry>> moved;
  for (const auto& [before, after] : renames) {
    const auto found = by_name_.find(before);
    if (found == by_name_.end()) continue;
    forget((*peers_)[found->second.position]);
    moved.emplace_back(after, found->second);
    by_name_.erase(found);
  }
  for (const auto& [name, entry] : moved) {
    Peer& peer = (*peers_)[entry.position];
    peer.name = peer.facts.peer = name;
    by_name_[name] = entry;
    if (entry.id) by_id_[*entry.id] = name;
    index(entry.position);
  }
}

void PeerDirectory::set_id(const std::string& name, std::uint32_t id) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || found->second.id == id) return;
  if (found->second.id) by_id_.erase(*found->second.id);
  found->second.id = id;
  by_id_[id] = name;
}

const PeerDirectory::Entry* PeerDirectory::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &found->second;
}

const Peer* PeerDirectory::by_name(std::string_view name) const {
  const Entry* entry = find(name);
  return entry == nullptr ? nullptr : &(*peers_)[entry->position];
}

const Peer* PeerDirectory::by_id(std::uint32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : by_name(found->second);
}

std::optional<std::uint32_t> PeerDirectory::id_of(std::string_view name) const {
  const Entry* entry = find(name);
  return entry == nullptr ? std::nullopt : entry->id;
}

std::string PeerDirectory::key_of(std::string_view interface, const PublicKey& key) {
  return std::string(interface) + '/' + std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

const Peer* PeerDirectory::by_key(std::string_view interface, const PublicKey& key) const {
  const auto found = by_key_.find(key_of(interface, key));
  return found == by_key_.end() ? nullptr : by_name(found->second);
}

const Peer* PeerDirectory::by_address(const IpAddress& address) const {
  const auto& lengths = address.is_v4() ? prefixes_v4_ : prefixes_v6_;
  for (unsigned length = address.bits() + 1; length-- > 0;) {
    if (lengths[length] == 0) continue;
    const auto found = by_prefix_.find(IpPrefix{address, static_cast<std::uint8_t>(length)}.network());
    if (found != by_prefix_.end()) return by_name(found->second);
  }
  return nullptr;
}

}  // namespace sallyport::controlplane
