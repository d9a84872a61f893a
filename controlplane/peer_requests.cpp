// peers.d in the control plane: peers come and go without a reload, one by one, at a cost that does not grow with the
// number of the others.
#include <algorithm>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "config/peer_warnings.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/peers/gateway_objects.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {
namespace {

// A peer is its interface and its key: with these it keeps its number, session, flows and endpoint, whatever it is
// called and whichever file says so.
using InterfaceAndKey = std::pair<std::string, PublicKey>;

InterfaceAndKey identity_of(const config::Peer& peer) {
  return {peer.wireguard, peer.public_key};
}

bool has_endpoint_name(const std::optional<config::Peer>& peer) {
  return peer && peer->endpoint && !peer->endpoint->literal;
}

Problem to_problem(const config::PeerFolder::Problem& problem) {
  const std::string what = problem.file.empty() ? "peers.d" : "peers.d/" + problem.file;
  return {what, config::to_string(problem.error) +
                    (problem.keeps_last ? "; what it gave last stays in force" : "; it is left out")};
}

}  // namespace

config::PeerFolder::Accept ControlPlane::accept_peers(const GatewayKeys& keys, const GatewayKeys& before,
                                                      NewKeys& made) {
  return [&keys, &before, &made](const config::Peer& peer) -> std::optional<std::string> {
    auto loaded = load_peer_keys(peer, keys, before);
    if (!loaded) return loaded.error();
    made[peer.name] = std::move(*loaded);
    return std::nullopt;
  };
}

void ControlPlane::start_peer_folder() {
  NewKeys made;
  peer_watch_.start();
  apply_peer_changes(peer_folder_.scan(accept_peers(keys_, keys_, made)), made);
  note_peer_file_problems();
}

// These files may have changed; null: any.
void ControlPlane::on_peer_files(const std::set<std::string>* names) {
  NewKeys made;
  const auto accept_keys = accept_peers(keys_, keys_, made);
  // A peer without a class for its services would be outside of the deny rules that name them.
  const auto accept = [&](const config::Peer& peer) -> std::optional<std::string> {
    if (auto checked = policy_.check_peers({&peer, 1}, instant_now()); !checked) return checked.error().front().message;
    return accept_keys(peer);
  };
  const auto changes = names == nullptr ? peer_folder_.scan(accept) : peer_folder_.update(*names, accept);
  apply_peer_changes(changes, made);
  note_peer_file_problems();
}

void ControlPlane::apply_peer_changes(const config::PeerFolder::Changes& changes, const NewKeys& made) {
  if (changes.empty()) return;
  std::size_t added = 0, removed = 0;
  bool names_changed = false;
  // 1. Who goes on, under which name.
  std::map<InterfaceAndKey, const config::Peer*> wanted;
  for (const auto& [name, change] : changes)
    if (change.after) wanted[identity_of(*change.after)] = &*change.after;
  Renames renames;
  // 2. What goes: peers, and prefixes that may be somebody else's from now on.
  for (const auto& [name, change] : changes) {
    names_changed |= has_endpoint_name(change.before) || has_endpoint_name(change.after);
    barred_peers_.erase(name);
    if (!change.before || directory_.by_name(name) == nullptr) continue;
    const auto next = wanted.find(identity_of(*change.before));
    if (next == wanted.end()) {
      end_peer(*change.before);
      if (!change.after) ++removed;
      continue;
    }
    if (next->second->name != name) renames[name] = next->second->name;
    for (const IpPrefix& prefix : change.before->allowed_ips)
      if (std::ranges::find(next->second->allowed_ips, prefix) == next->second->allowed_ips.end())
        publisher_.remove_route(prefix);
  }
  rename_peers(renames);
  // 3. What comes or changes.
  for (const auto& [name, change] : changes) {
    if (!change.after) continue;
    for (const std::string& warning : config::peer_warnings(config_, *change.after))
      log_warning("configuration", {{"warning", warning}});
    if (!change.before) ++added;
    if (is_revoked(*change.after)) {
      barred_peers_[name] = *change.after;
      if (const config::Peer* peer = directory_.by_name(name)) end_peer(config::Peer(*peer));
      continue;
    }
    make_way(*change.after);
    keys_.peers[name] = made.at(name);
    begin_peer(*change.after);
  }
  added -= std::min(added, renames.size());
  if (names_changed) {
    names_.set_wanted(endpoint_names(config_));
    ask_for_names();
  }
  request_flush();
  if (peer_folder_log_.admit(boottime_ns()))
    log_info("peers.d changed", {{"added", added},
                                 {"removed", removed},
                                 {"renamed", renames.size()},
                                 {"changed", changes.size() - added - removed - renames.size()},
                                 {"peers", config_.peers.size()},
                                 {"suppressed", peer_folder_log_.take_suppressed()}});
}

void ControlPlane::rename_peers(const Renames& renames) {
  if (renames.empty()) return;
  directory_.rename(renames);
  policy_.rename_peers(renames);
  std::vector<std::pair<std::string, std::shared_ptr<const wireguard::PeerKeys>>> keys;
  for (const auto& [before, after] : renames) {
    if (auto node = keys_.peers.extract(before); !node.empty()) keys.emplace_back(after, std::move(node.mapped()));
    log_info("peer is called otherwise", {{"peer", after}, {"former_name", before}});
  }
  for (auto& [name, known] : keys) keys_.peers[name] = std::move(known);
}

void ControlPlane::end_peer(const config::Peer& peer) {
  for (const IpPrefix& prefix : peer.allowed_ips) publisher_.remove_route(prefix);
  if (const auto id = directory_.id_of(peer.name)) {
    service_.remove_peer(*id);
    publisher_.remove_peer(*id);
  }
  policy_.remove_peer(peer.name);
  keys_.peers.erase(peer.name);
  const auto tunnel = keys_.tunnels.find(peer.wireguard);
  if (tunnel != keys_.tunnels.end()) note_departed({tunnel->second->public_key, peer.public_key});
  if (const auto former = keys_.former_peers.extract(peer.name); !former.empty() && tunnel != keys_.tunnels.end())
    note_departed({tunnel->second->public_key, former.mapped()->public_key});
  ids_.remove(peer);
  directory_.remove(peer.name);
}

void ControlPlane::begin_peer(const config::Peer& wanted) {
  const config::Peer& peer =
      directory_.by_name(wanted.name) != nullptr ? directory_.replace(wanted) : directory_.add(wanted);
  if (!settings_applied_)
    return policy_.set_peer(peer, std::nullopt, instant_now());  // numbers come with the first link
  const std::uint32_t id = ids_.add(peer);
  directory_.set_id(peer.name, id);
  auto objects = make_peer_objects(peer, keys_, ids_, names_);
  if (!objects) return;
  publisher_.set_peer(std::move(objects->peer));
  for (Named<abi::SetRoute>& route : objects->routes) publisher_.set_route(std::move(route));
  service_.set_peer(objects->service);
  policy_.set_peer(peer, id, instant_now());
  const PeerKey key{keys_.tunnels.at(peer.wireguard)->public_key, peer.public_key};
  if (const auto row = stored_.timestamps.find(key); row != stored_.timestamps.end()) {
    const wireguard::Instant now = instant_now();
    const auto age = std::max(now.wall - row->second.set_at, wireguard::WallTime::duration(0));
    service_.restore_timestamp(key, {row->second.value, now.boot - age});
  }
}

// ---- problems ----

std::vector<Problem> ControlPlane::peer_file_problems() const {
  std::vector<Problem> list;
  for (const config::PeerFolder::Problem& problem : peer_folder_.problems()) list.push_back(to_problem(problem));
  return list;
}

void ControlPlane::note_peer_file_problems() {
  std::set<std::string> now;
  for (const Problem& problem : peer_file_problems()) {
    if (!peer_file_problems_.contains(problem.why))
      log_warning("peer file has an error", {{"file", problem.what}, {"error", problem.why}});
    now.insert(problem.why);
  }
  peer_file_problems_ = std::move(now);
}

}  // namespace sallyport::controlplane
