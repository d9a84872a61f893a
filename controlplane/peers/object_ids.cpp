#include "controlplane/peers/object_ids.hpp"

#include <utility>
#include <vector>

namespace sallyport::controlplane {
namespace {

constexpr std::size_t resting_peers = 256;

// The lowest numbers that are not taken, one after the other.
template <typename Number>
class FreeNumbers {
 public:
  explicit FreeNumbers(std::set<Number> taken) : taken_(std::move(taken)) {}
  Number next() {
    while (taken_.contains(candidate_)) ++candidate_;
    return candidate_++;
  }

 private:
  std::set<Number> taken_;
  Number candidate_ = 0;
};

}  // namespace

void ObjectIds::adopt(std::span<const Peer> peers, const abi::StatisticsView& statistics,
                      const FormerKeys& former_keys) {
  max_peers_ = statistics.max_peers();
  std::map<PublicKey, std::set<std::string>> interfaces_of;  // which interfaces have a peer of that key
  std::map<PeerIdentity, PeerIdentity> renamed;              // by the former key
  for (const Peer& peer : peers) interfaces_of[peer.public_key].insert(peer.interface);
  for (const Peer& peer : peers) {
    const auto former = former_keys.find(peer.name);
    if (former == former_keys.end() || interfaces_of[former->second].contains(peer.interface)) continue;
    if (renamed.emplace(PeerIdentity{peer.interface, former->second}, identity_of(peer)).second)
      interfaces_of[former->second].insert(peer.interface);
  }

  // 1. Interfaces: the number under which their peers are known. A key that two interfaces have says nothing.
  std::set<std::uint16_t> taken_tunnels;
  for (std::uint32_t id = 0; id < statistics.max_peers(); ++id) {
    const auto status = statistics.peer(id);
    if (!status || status->live == 0 || status->tunnel_id >= abi::max_tunnels) continue;
    const auto found = interfaces_of.find(status->key);
    if (found == interfaces_of.end() || found->second.size() != 1) continue;
    const std::string& interface = *found->second.begin();
    if (tunnels_.contains(interface) || taken_tunnels.contains(status->tunnel_id)) continue;
    tunnels_[interface] = status->tunnel_id;
    taken_tunnels.insert(status->tunnel_id);
  }
  // 2. Peers of those interfaces.
  std::map<std::uint16_t, std::string> interface_by_number;
  for (const auto& [name, number] : tunnels_) interface_by_number[number] = name;
  std::vector<std::pair<PeerIdentity, std::uint32_t>> by_former_key;
  for (std::uint32_t id = 0; id < statistics.max_peers(); ++id) {
    const auto status = statistics.peer(id);
    if (!status || status->live == 0) continue;
    const auto interface = interface_by_number.find(status->tunnel_id);
    const auto found = interfaces_of.find(status->key);
    if (interface == interface_by_number.end() || found == interfaces_of.end() ||
        !found->second.contains(interface->second)) {
      foreign_peers_.insert(id);
      continue;
    }
    const PeerIdentity identity{interface->second, status->key};
    if (const auto present = renamed.find(identity); present != renamed.end())
      by_former_key.emplace_back(present->second, id);
    else
      peers_[identity] = id;
  }
  for (const auto& [identity, id] : by_former_key)
    if (!peers_.emplace(identity, id).second) foreign_peers_.insert(id);
}

void ObjectIds::assign(std::span<const config::Wireguard> wanted_tunnels, std::span<const Peer> wanted_peers) {
  std::map<std::string, std::uint16_t, std::less<>> tunnels;
  std::set<std::uint16_t> taken_tunnels;
  for (const config::Wireguard& tunnel : wanted_tunnels) {
    const auto known = tunnels_.find(tunnel.name);
    if (known == tunnels_.end()) continue;
    tunnels[tunnel.name] = known->second;
    taken_tunnels.insert(known->second);
  }
  FreeNumbers free_tunnels(std::move(taken_tunnels));
  for (const config::Wireguard& tunnel : wanted_tunnels)
    if (!tunnels.contains(tunnel.name)) tunnels[tunnel.name] = free_tunnels.next();

  std::map<PeerIdentity, std::uint32_t> peers;
  std::set<std::uint32_t> taken_peers = std::exchange(foreign_peers_, {});
  // Leftovers keep their numbers until the synchronisation removes them, unless the table is too small for that.
  if (taken_peers.size() + wanted_peers.size() > max_peers_) taken_peers.clear();
  for (const Peer& peer : wanted_peers) {
    const auto known = peers_.find(identity_of(peer));
    if (known == peers_.end()) continue;
    peers[known->first] = known->second;
    taken_peers.insert(known->second);
  }
  FreeNumbers free_peers(std::move(taken_peers));
  for (const Peer& peer : wanted_peers)
    if (!peers.contains(identity_of(peer))) peers[identity_of(peer)] = free_peers.next();
  tunnels_ = std::move(tunnels);
  peers_ = std::move(peers);

  std::set<std::uint32_t> in_use;
  for (const auto& [identity, number] : peers_) in_use.insert(number);
  next_peer_ = in_use.empty() ? 0 : *in_use.rbegin() + 1;
  free_peers_.clear();
  for (std::uint32_t number = 0; number < next_peer_; ++number)
    if (!in_use.contains(number)) free_peers_.push_back(number);
}

std::uint32_t ObjectIds::add(const Peer& peer) {
  const auto [known, is_new] = peers_.try_emplace(identity_of(peer), 0);
  if (!is_new) return known->second;
  const bool room_above = max_peers_ == 0 || next_peer_ < max_peers_;
  if (free_peers_.size() > resting_peers || (!room_above && !free_peers_.empty())) {
    known->second = free_peers_.front();
    free_peers_.pop_front();
  } else {
    known->second = next_peer_++;
  }
  return known->second;
}

void ObjectIds::remove(const Peer& peer) {
  const auto known = peers_.find(identity_of(peer));
  if (known == peers_.end()) return;
  free_peers_.push_back(known->second);
  peers_.erase(known);
}

void ObjectIds::rename(const Peer& before, const Peer& after) {
  if (identity_of(before) == identity_of(after)) return;
  auto known = peers_.extract(identity_of(before));
  if (known.empty()) return;
  known.key() = identity_of(after);
  // Who has that key already keeps it.
  if (const auto renamed = peers_.insert(std::move(known)); !renamed.inserted)
    free_peers_.push_back(renamed.node.mapped());
}

std::optional<std::uint16_t> ObjectIds::tunnel(std::string_view name) const {
  const auto found = tunnels_.find(name);
  if (found == tunnels_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint32_t> ObjectIds::peer(const Peer& peer) const {
  const auto found = peers_.find(identity_of(peer));
  if (found == peers_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sallyport::controlplane
