#include "config/peer_index.hpp"

#include <algorithm>
#include <string_view>

#include "config/limits.hpp"

namespace sallyport::config {

std::size_t PeerIndex::PrefixHash::operator()(const IpPrefix& prefix) const noexcept {
  // No padding (asserted in ip.hpp), so equal prefixes have equal bytes.
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&prefix), sizeof prefix});
}

PeerIndex::PeerIndex(const Config& base) : max_peers_(base.dataplane.max_peers) {
  const auto own = [&](const IpPrefix& address, const std::string& what) {
    own_addresses_.emplace(IpPrefix::host(address.address), what);
    if (!address.is_host()) reserved_.emplace(address.network(), "the connected prefix of " + what);
  };
  for (const Port& port : base.ports) {
    for (const IpPrefix& address : port.addresses) own(address, "port '" + port.name + '\'');
    if (port.role != PortRole::inside) continue;
    for (const IpAddress& gateway : port.gateway)
      reserved_.emplace(IpPrefix{{.family = gateway.family}, 0}, "the default route of port '" + port.name + '\'');
  }
  for (const Wireguard& wireguard : base.wireguards) {
    Interface& interface = wireguards_[wireguard.name];
    interface.mtu = wireguard.mtu;
    for (const IpPrefix& address : wireguard.addresses) {
      own(address, "wireguard '" + wireguard.name + '\'');
      interface.connected.insert(address.network());
    }
  }
  for (const Route& route : base.routes) by_prefix_[route.to] = {{}, "the route to " + route.to.to_string()};
  for (const Pool& pool : base.pools)
    for (const IpPrefix& prefix : pool.prefixes) by_prefix_[prefix] = {{}, "pool '" + pool.name + '\''};
  for (const Peer& peer : base.peers) add(peer, {});
}

std::string PeerIndex::key_of(const Peer& peer) {
  std::string key = peer.wireguard + '/';
  key.append(peer.public_key.begin(), peer.public_key.end());
  return key;
}

void PeerIndex::check_prefix(const Peer& peer, const IpPrefix& prefix, std::vector<PeerConflict>& found) const {
  const auto refuse = [&](const std::string& why, const std::string& file = {}) {
    found.push_back({"allowed_ips: " + prefix.to_string() + ' ' + why, file});
  };
  if (prefix.is_host())
    if (const auto own = own_addresses_.find(prefix); own != own_addresses_.end())
      refuse("is the gateway's own address, on " + own->second);
  // A peer may be given the whole prefix of its own interface.
  const auto interface = wireguards_.find(peer.wireguard);
  const bool its_own = interface != wireguards_.end() && interface->second.connected.contains(prefix);
  if (const auto taken = reserved_.find(prefix); taken != reserved_.end() && !its_own)
    refuse("is " + taken->second + " already");
  if (const auto holder = by_prefix_.find(prefix); holder != by_prefix_.end())
    refuse("belongs to " + holder->second.what + " already", holder->second.file);
  if (std::count(peer.allowed_ips.begin(), peer.allowed_ips.end(), prefix) > 1) refuse("stands here twice");
  if (prefix.address.is_v6() && interface != wireguards_.end() && interface->second.mtu < limits::mtu_lowest_v6)
    refuse("needs an mtu of at least " + std::to_string(limits::mtu_lowest_v6) + " of wireguard '" + peer.wireguard +
           '\'');
}

std::vector<PeerConflict> PeerIndex::conflicts(const Peer& peer) const {
  std::vector<PeerConflict> found;
  if (!wireguards_.contains(peer.wireguard))
    found.push_back({"wireguard: there is no [[wireguard]] named '" + peer.wireguard + '\'', {}});
  if (const auto holder = by_name_.find(peer.name); holder != by_name_.end())
    found.push_back({"name: '" + peer.name + "' is taken already", holder->second.file});
  if (const auto holder = by_key_.find(key_of(peer)); holder != by_key_.end())
    found.push_back({"public_key: is also the key of " + holder->second.what, holder->second.file});
  for (const IpPrefix& prefix : peer.allowed_ips) check_prefix(peer, prefix, found);
  if (peer.endpoint && peer.endpoint->literal)
    if (const IpAddress& address = peer.endpoint->literal->address; own_addresses_.contains(IpPrefix::host(address)))
      found.push_back({"endpoint: " + address.to_string() + " is the gateway's own address", {}});
  if (by_name_.size() >= max_peers_)
    found.push_back({"expected at most " + std::to_string(max_peers_) + " peers ([dataplane] max_peers)", {}});
  return found;
}

void PeerIndex::add(const Peer& peer, const std::string& file) {
  const Holder holder{file, "peer '" + peer.name + '\''};
  by_name_[peer.name] = holder;
  by_key_[key_of(peer)] = holder;
  for (const IpPrefix& prefix : peer.allowed_ips) by_prefix_[prefix] = holder;
}

void PeerIndex::remove(const Peer& peer) {
  by_name_.erase(peer.name);
  by_key_.erase(key_of(peer));
  for (const IpPrefix& prefix : peer.allowed_ips) by_prefix_.erase(prefix);
}

}  // namespace sallyport::config
