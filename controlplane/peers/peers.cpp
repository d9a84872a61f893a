#include "controlplane/peers/peers.hpp"

#include <algorithm>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/peers/gateway_objects.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {

Peers::Peers(boost::asio::io_context& loop, const config::Config& configuration, Publisher& publisher,
             WireguardService& service, PolicyService& policy, StateKeeper& state, DataplaneAccess& dataplane)
    : configuration_(configuration),
      publisher_(publisher),
      service_(service),
      policy_(policy),
      state_(state),
      dataplane_(dataplane),
      peers_(configured_peers(configuration.peers)),
      memory_(service, state, [this](const PeerKey& key) { return is_configured(key); }),
      resolver_(loop, [this](const auto& name, const auto& addresses) { on_resolved(name, addresses); }) {
  const auto [has_v4, has_v6] = underlay_families(configuration);
  names_.set_families(has_v4, has_v6);
  directory_.rebuild(peers_);
}

// ---- all of them ----

void Peers::adopt(const abi::StatisticsView& statistics) {
  ObjectIds::FormerKeys former_keys;
  for (const auto& [name, keys] : keys_.former_peers) former_keys[name] = keys->public_key;
  ids_.adopt(peers_, statistics, former_keys);
  has_ids_ = true;
}

void Peers::apply() {
  directory_.rebuild(peers_);
  if (!has_ids_) return;
  ids_.assign(configuration_.wireguards, peers_);
  for (const Peer& peer : peers_)
    if (const auto id = ids_.peer(peer)) directory_.set_id(peer.name, *id);
  GatewayObjects objects = make_objects(configuration_, peers_, keys_, ids_, names_, state_.floors());
  publisher_.set_desired(std::move(objects.desired));
  service_.apply(objects.service);
  if (!std::exchange(reservations_told_, true))
    for (const auto& [tunnel, until] : state_.reserved_at_start()) service_.reservation_written(tunnel, until);
  memory_.restore(instant_now());  // also for a peer that comes back by a reload
  memory_.note_all_departed();
}

// ---- one ----

tl::expected<void, std::string> Peers::begin(const Peer& peer, const std::optional<PublicKey>& former_key) {
  GatewayKeys before{.tunnels = keys_.tunnels, .peers = {}, .former_peers = {}, .reader = keys_.reader};
  if (const auto known = keys_.peers.find(peer.name); known != keys_.peers.end()) before.peers.insert(*known);
  auto keys = load_peer_keys(peer, keys_, before);
  if (!keys) return tl::unexpected(std::move(keys.error()));
  if (auto former = keys_.former_peers.extract(peer.name); !former.empty())
    before.former_peers.insert(std::move(former));
  if (former_key) add_former_key(peer, *former_key, keys_, before);
  const Peer* known = directory_.by_name(peer.name);
  if (has_ids_ && known != nullptr && known->public_key != peer.public_key) ids_.rename(*known, peer);
  begin(peer, std::move(*keys));
  return {};
}

void Peers::begin(const Peer& wanted, Keys keys) {
  keys_.peers[wanted.name] = std::move(keys);
  const Peer& peer = directory_.by_name(wanted.name) != nullptr ? directory_.replace(wanted) : directory_.add(wanted);
  // Numbers come with the first link.
  if (has_ids_ && !publish(peer)) return;
  policy_.set_peer(peer, id_of(peer), instant_now());
}

bool Peers::publish(const Peer& peer) {
  directory_.set_id(peer.name, ids_.add(peer));
  auto objects = make_peer_objects(peer, keys_, ids_, names_);
  if (!objects) return false;
  publisher_.set_peer(std::move(objects->peer));
  for (Named<abi::SetRoute>& route : objects->routes) publisher_.set_route(std::move(route));
  service_.set_peer(objects->service);
  memory_.restore_timestamp(key_of(peer), instant_now());
  return true;
}

void Peers::change_facts(const Peer& wanted) {
  const Peer& peer = directory_.replace(wanted);
  policy_.set_peer(peer, id_of(peer), instant_now());
}

void Peers::rename(const Renames& renames) {
  if (renames.empty()) return;
  directory_.rename(renames);
  policy_.rename_peers(renames);
  std::vector<std::pair<std::string, Keys>> moved;
  for (const auto& [before, after] : renames) {
    if (auto node = keys_.peers.extract(before); !node.empty()) moved.emplace_back(after, std::move(node.mapped()));
    log_info("peer is called otherwise", {{"peer", after}, {"former_name", before}});
  }
  for (auto& [name, keys] : moved) keys_.peers[name] = std::move(keys);
}

void Peers::withdraw_routes(const Peer& before, const Peer& after) {
  for (const IpPrefix& prefix : before.prefixes)
    if (std::ranges::find(after.prefixes, prefix) == after.prefixes.end()) publisher_.remove_route(prefix);
}

void Peers::end(const Peer& gone) {
  const Peer peer = gone;  // it may be the directory's own
  for (const IpPrefix& prefix : peer.prefixes) publisher_.remove_route(prefix);
  if (const auto id = id_of(peer)) {
    service_.remove_peer(*id);
    publisher_.remove_peer(*id);
  }
  policy_.remove_peer(peer.name);
  keys_.peers.erase(peer.name);
  const auto former = keys_.former_peers.extract(peer.name);
  if (keys_.tunnels.contains(peer.interface)) {
    const PeerKey key = key_of(peer);
    memory_.note_departed(key);
    if (!former.empty()) memory_.note_departed({key.tunnel, former.mapped()->public_key});
  }
  ids_.remove(peer);
  directory_.remove(peer.name);
}

// ---- what is ----

PeerKey Peers::key_of(const Peer& peer) const {
  return {keys_.tunnels.at(peer.interface)->public_key, peer.public_key};
}

bool Peers::is_configured(const PeerKey& key) const {
  return std::any_of(keys_.tunnels.begin(), keys_.tunnels.end(), [&](const auto& tunnel) {
    return tunnel.second->public_key == key.tunnel && directory_.by_key(tunnel.first, key.peer) != nullptr;
  });
}

std::vector<NamedCounter> Peers::counters() const {
  return {{"dns_failures", "endpoint names that did not resolve", names_.failures()}};
}

// ---- DNS names among the endpoints ----

void Peers::reresolve_endpoint(std::uint32_t peer_id) {
  const Peer* peer = directory_.by_id(peer_id);
  if (peer == nullptr || !peer->endpoint) return;
  if (names_.ask_again(peer->endpoint->host, boottime_ns())) apply_address_of(peer->endpoint->host);
}

void Peers::follow_names() {
  names_.set_wanted(endpoint_names(peers_));
  ask_for_names();
}

void Peers::ask_for_names() {
  for (const std::string& name : names_.take_due(boottime_ns()))
    if (!resolver_.resolve(name)) names_.postpone(name, boottime_ns());
}

void Peers::on_resolved(const std::string& name, const std::vector<IpAddress>& addresses) {
  if (addresses.empty()) log_warning("endpoint does not resolve", {{"name", name}});
  if (names_.answered(name, addresses, boottime_ns())) apply_address_of(name);
}

void Peers::apply_address_of(const std::string& name) {
  log_info("endpoint resolved", {{"name", name}, {"address", names_.address_of(name).to_string()}});
  for (const Peer& peer : peers_) {
    if (!peer.endpoint || peer.endpoint->literal || peer.endpoint->host != name) continue;
    const auto id = id_of(peer);
    if (!id) continue;
    const IpEndpoint endpoint = endpoint_of(peer, names_);
    publisher_.set_peer_endpoint(*id, endpoint, generation_of(endpoint));
    service_.set_endpoint(*id, endpoint);
  }
  dataplane_.request_flush();
}

}  // namespace sallyport::controlplane
