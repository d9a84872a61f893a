#include "controlplane/peers/peer_files.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "config/base/clock.hpp"
#include "config/peer_warnings.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {
namespace {

std::pair<std::string, PublicKey> identity_of(const config::Peer& peer) {
  return {peer.wireguard, peer.public_key};
}

Peer of_file(const config::Peer& peer) {
  return configured_peer(peer, PeerOrigin::peer_file);
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

PeerFiles::PeerFiles(boost::asio::io_context& loop, const std::filesystem::path& file,
                     const config::Config& configuration, Peers& peers, BarredPeers& barred, SessionPeers& sessions,
                     PolicyService& policy, DataplaneAccess& dataplane)
    : configuration_(configuration),
      peers_(peers),
      barred_(barred),
      sessions_(sessions),
      policy_(policy),
      dataplane_(dataplane),
      folder_(file.parent_path() / "peers.d", configuration),
      watch_(
          loop, folder_.folder(), [this](const std::set<std::string>& names) { on_changed(&names); },
          [this] { on_changed(nullptr); }) {}

config::PeerFolder::Accept PeerFiles::accept_peers(const GatewayKeys& keys, const GatewayKeys& before, NewKeys& made) {
  return [&keys, &before, &made](const config::Peer& peer) -> std::optional<std::string> {
    auto loaded = load_peer_keys(of_file(peer), keys, before);
    if (!loaded) return loaded.error();
    made[peer.name] = std::move(*loaded);
    return std::nullopt;
  };
}

void PeerFiles::start() {
  NewKeys made;
  watch_.start();
  apply(folder_.scan(accept_peers(peers_.keys(), peers_.keys(), made)), made);
  log_problems();
}

void PeerFiles::on_changed(const std::set<std::string>* names) {
  NewKeys made;
  const auto accept_keys = accept_peers(peers_.keys(), peers_.keys(), made);
  // A peer without a class for its services would be outside of the deny rules that name them.
  const auto accept = [&](const config::Peer& peer) -> std::optional<std::string> {
    const Peer wanted = of_file(peer);
    if (auto checked = policy_.check_peers({&wanted, 1}, instant_now()); !checked)
      return checked.error().front().message;
    return accept_keys(peer);
  };
  apply(names == nullptr ? folder_.scan(accept) : folder_.update(*names, accept), made);
  log_problems();
}

// ---- what changed ----

void PeerFiles::apply(const config::PeerFolder::Changes& changes, const NewKeys& made) {
  if (changes.empty()) return;
  std::set<InterfaceAndKey> before;
  Wanted wanted;
  bool names_changed = false;
  for (const auto& [name, change] : changes) {
    names_changed |= has_endpoint_name(change.before) || has_endpoint_name(change.after);
    if (change.before) before.insert(identity_of(*change.before));
    if (change.after) wanted[identity_of(*change.after)] = &*change.after;
  }
  const Renames renames = take_away(changes, wanted);
  peers_.rename(renames);
  bring(changes, made);
  if (names_changed) peers_.follow_names();
  dataplane_.request_flush();
  if (!log_.admit(boottime_ns())) return;
  const auto stay = static_cast<std::size_t>(
      std::count_if(wanted.begin(), wanted.end(), [&](const auto& entry) { return before.contains(entry.first); }));
  log_info("peers.d changed", {{"added", wanted.size() - stay},
                               {"removed", before.size() - stay},
                               {"renamed", renames.size()},
                               {"changed", stay - std::min(stay, renames.size())},
                               {"peers", peers_.all().size()},
                               {"suppressed", log_.take_suppressed()}});
}

Renames PeerFiles::take_away(const config::PeerFolder::Changes& changes, const Wanted& wanted) {
  Renames renames;
  for (const auto& [name, change] : changes) {
    barred_.forget(name);
    if (!change.before || peers_.directory().by_name(name) == nullptr) continue;
    const auto next = wanted.find(identity_of(*change.before));
    if (next == wanted.end()) {
      peers_.end(of_file(*change.before));
      continue;
    }
    if (next->second->name != name) renames[name] = next->second->name;
    peers_.withdraw_routes(of_file(*change.before), of_file(*next->second));
  }
  return renames;
}

void PeerFiles::bring(const config::PeerFolder::Changes& changes, const NewKeys& made) {
  for (const auto& [name, change] : changes) {
    if (!change.after) continue;
    for (const std::string& warning : config::peer_warnings(configuration_, *change.after))
      log_warning("configuration", {{"warning", warning}});
    const Peer peer = of_file(*change.after);
    if (barred_.is_revoked(peer)) {
      barred_.bar(peer);
      continue;
    }
    sessions_.make_way(peer);
    peers_.begin(peer, made.at(name));
  }
}

// ---- reload ----

config::PeerFolder PeerFiles::judge_anew(config::Config& next, std::vector<Peer>& peers, GatewayKeys& keys) const {
  config::PeerFolder folder = folder_;
  const GatewayKeys& before = peers_.keys();
  NewKeys made;
  const auto accept = accept_peers(keys, before, made);
  folder.rebase(next, [&](const config::Peer& peer) -> std::optional<std::string> {
    auto why = accept(peer);
    // Its files were fine once; a peer that is up does not end because its key cannot be read now.
    const auto former = before.peers.find(peer.name);
    const auto former_tunnel = before.tunnels.find(peer.wireguard);
    const auto tunnel = keys.tunnels.find(peer.wireguard);
    if (!why || former == before.peers.end() || former->second->public_key != peer.public_key ||
        former_tunnel == before.tunnels.end() || tunnel == keys.tunnels.end() ||
        former_tunnel->second != tunnel->second)
      return why;
    next.warnings.push_back(config::to_string({peer.location, *why + "; its former key stays"}));
    made[peer.name] = former->second;
    return std::nullopt;
  });
  (void)folder.scan(accept);
  for (const config::Peer& peer : folder.peers()) {
    keys.peers[peer.name] = made.at(peer.name);
    peers.push_back(of_file(peer));
  }
  return folder;
}

void PeerFiles::replace(config::PeerFolder folder) {
  folder_ = std::move(folder);
  log_problems();
}

// ---- problems ----

std::vector<Problem> PeerFiles::problems() const {
  std::vector<Problem> list;
  for (const config::PeerFolder::Problem& problem : folder_.problems()) list.push_back(to_problem(problem));
  return list;
}

void PeerFiles::log_problems() {
  std::set<std::string> now;
  for (const Problem& problem : problems()) {
    if (!logged_problems_.contains(problem.why))
      log_warning("peer file has an error", {{"file", problem.what}, {"error", problem.why}});
    now.insert(problem.why);
  }
  logged_problems_ = std::move(now);
}

}  // namespace sallyport::controlplane
