// The reload: everything that can fail is done first, without touching anything; then everything takes effect.
#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "config/difference.hpp"
#include "config/load.hpp"
#include "config/peer_warnings.hpp"
#include "controlplane/access/policy_summary.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/runtime/instant_now.hpp"
#include "controlplane/validation.hpp"

namespace sallyport::controlplane {
namespace {

using Errors = std::vector<config::Error>;

constexpr std::size_t refusals_logged = 20;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// A listen port that moves from one interface to another cannot be taken over while the other still holds it.
void check_listen_ports(const config::Config& before, const config::Config& after, Errors& errors) {
  for (const config::Wireguard& tunnel : after.wireguards) {
    for (const config::Wireguard& other : before.wireguards) {
      const bool stays = std::any_of(after.wireguards.begin(), after.wireguards.end(),
                                     [&](const config::Wireguard& kept) { return kept.name == other.name; });
      if (other.name != tunnel.name && other.listen_port == tunnel.listen_port && stays)
        errors.push_back({tunnel.location, "listen_port: " + std::to_string(tunnel.listen_port) +
                                               " is still wireguard " + other.name +
                                               "'s: first reload with that one on another port"});
    }
  }
}

std::vector<std::string> key_changes(const GatewayKeys& before, const GatewayKeys& after, std::span<const Peer> all) {
  std::vector<std::string> lines;
  std::set<std::string> rekeyed;
  for (const auto& [name, identity] : after.tunnels) {
    const auto old = before.tunnels.find(name);
    if (old == before.tunnels.end() || old->second == identity) continue;
    rekeyed.insert(name);
    const auto peers = std::count_if(all.begin(), all.end(),
                                     [&, tunnel = name](const Peer& peer) { return peer.interface == tunnel; });
    lines.push_back("~ wireguard " + name + " private key: the sessions of its " + std::to_string(peers) +
                    " peers end, and they must know the new public key");
  }
  for (const Peer& peer : all) {
    const auto old = before.peers.find(peer.name);
    const auto now = after.peers.find(peer.name);
    if (old == before.peers.end() || now == after.peers.end() || old->second == now->second) continue;
    if (!rekeyed.contains(peer.interface) && old->second->public_key == now->second->public_key)
      lines.push_back("~ peer " + peer.name + " preshared key: used from its next handshake on");
  }
  return lines;
}

// More than the dataplane that runs was started for.
config::Error too_many_peers(const config::Config& next, const std::filesystem::path& file) {
  config::Error error;
  error.location.file = std::make_shared<const std::string>(file.string());
  error.message = std::to_string(next.peers.size()) +
                  " peers need a restart first: the dataplane that runs has room for " +
                  std::to_string(next.dataplane.max_peers);
  return error;
}

}  // namespace

// What will be in force: read, judged and prepared.
struct ControlPlane::Candidate {
  config::Config config;
  std::vector<Peer> peers;  // of gateway.toml, of peers.d, by proof
  GatewayKeys keys;
  config::PeerFolder folder;
  BarredPeers::Map barred;
  std::optional<TcpListener> listener;
  std::optional<PolicyService::Prepared> policy;  // nothing: it stays the one in force
  config::Difference difference;                  // to what is in force
  config::Difference restarts;                    // what waits for a restart
};

tl::expected<ReloadSummary, Errors> ControlPlane::reload(std::string_view by) {
  auto candidate = read_candidate(by);
  last_reload_ = LastReload{candidate.has_value(), boottime_ns()};
  refused_reload_.clear();
  if (candidate) return commit(std::move(*candidate), by);
  for (const config::Error& error : candidate.error()) refused_reload_.push_back(config::to_string(error));
  const std::size_t shown = std::min(refused_reload_.size(), refusals_logged);
  for (std::size_t i = 0; i < shown; ++i)
    log_error("configuration not reloaded", {{"by", by}, {"error", refused_reload_[i]}});
  if (shown < refused_reload_.size())
    log_error("configuration not reloaded", {{"by", by}, {"more_errors", refused_reload_.size() - shown}});
  return tl::unexpected(std::move(candidate.error()));
}

// Of peers.d nothing can fail: a broken file is left out.
tl::expected<ControlPlane::Candidate, Errors> ControlPlane::read_candidate(std::string_view by) {
  auto next = config::load(file_, &config_);
  if (!next) return tl::unexpected(std::move(next.error()));
  // What needs a restart stays as it runs, and waits for it; all the rest is applied.
  config::Difference restarts = config::diff(config_, *next);
  config::keep_until_restart(config_, *next);
  auto keys = validate(*next, peers_.keys());
  if (!keys) return tl::unexpected(std::move(keys.error()));
  Errors errors;
  if (next->peers.size() > next->dataplane.max_peers) errors.push_back(too_many_peers(*next, file_));
  std::vector<Peer> peers = configured_peers(next->peers);
  config::PeerFolder folder = peer_files_.judge_anew(*next, peers, *keys);
  BarredPeers::Map barred = barred_.take_from(peers);
  sessions_.add_to(peers, *keys, *next);
  config::Difference difference = config::diff(config_, *next);
  difference.peers = config::compare(peers_.all(), peers);
  check_listen_ports(config_, *next, errors);
  if (next->flow_records && next->flow_records != config_.flow_records)
    if (auto failure = FlowRecords::check(*next->flow_records))
      errors.push_back({next->flow_records->location, "file: " + *failure});
  std::optional<TcpListener> listener = gate_.prepare(*next, config_.enrolment, errors);
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  auto policy = prepare_policy(*next, peers);
  if (!policy) {
    std::vector<std::string> why;
    for (const config::Error& error : policy.error()) why.push_back(config::to_string(error));
    policy_.refused(PolicySource::files, {}, by, std::move(why), instant_now(), state_.pending());
    return tl::unexpected(std::move(policy.error()));
  }
  return Candidate{std::move(*next),   std::move(peers),      std::move(*keys),
                   std::move(folder),  std::move(barred),     std::move(listener),
                   std::move(*policy), std::move(difference), std::move(restarts)};
}

// Nothing here can fail.
ReloadSummary ControlPlane::commit(Candidate next, std::string_view by) {
  ReloadSummary summary{lines_of(config::to_string(next.difference)), next.config.warnings};
  note_restarts_wanted(next.restarts, summary);
  for (std::string& line : key_changes(peers_.keys(), next.keys, next.peers))
    summary.changes.push_back(std::move(line));
  if (next.policy)
    summary.warnings.insert(summary.warnings.end(), next.policy->warnings.begin(), next.policy->warnings.end());
  config_ = std::move(next.config);
  peers_.replace(std::move(next.peers), std::move(next.keys));
  barred_.replace(std::move(next.barred));
  gate_.replace(std::move(next.listener));
  set_log_level(config_.controlplane.log_level);
  apply_configuration(std::move(next.policy), by, &summary.changes);
  if (!config_.policy.allow_everything) policy_.set_source(PolicySource::files, state_.pending());
  policy_failure_.clear();
  sessions_.reconfigure();
  apply_issuers();
  live_.apply(config_.clusters);
  if (auto listens = gate_.start(config_, trust_.store()); !listens)
    summary.warnings.push_back("enrolment does not listen: " + listens.error());
  recorder_.apply(config_.flow_records);
  peer_files_.replace(std::move(next.folder));
  for (const config::PeerFolder::Problem& problem : peer_files_.folder().problems())
    summary.warnings.push_back(config::to_string(problem.error));
  for (const config::Peer& peer : peer_files_.folder().peers())
    for (std::string& warning : config::peer_warnings(config_, peer)) summary.warnings.push_back(std::move(warning));
  peers_.follow_names();
  request_flush();
  log_info("configuration reloaded", {{"changes", summary.changes.size()}});
  for (const std::string& change : shortened(summary.changes, summary_lines_logged))
    log_info("changed", {{"what", change}});
  return summary;
}

// What only a restart can change is named by the reload, in the log, and in status until it is done.
void ControlPlane::note_restarts_wanted(const config::Difference& difference, ReloadSummary& summary) {
  restarts_wanted_.clear();
  for (const std::string& change : difference.restart_dataplane)
    restarts_wanted_.push_back(change + ": takes effect with a restart of both processes");
  for (const std::string& change : difference.restart_controlplane)
    restarts_wanted_.push_back(change + ": takes effect with a restart of the control plane");
  for (const std::string& change : restarts_wanted_) {
    log_warning("configuration needs a restart", {{"change", change}});
    summary.warnings.push_back(change);
  }
}

void ControlPlane::apply_configuration(std::optional<PolicyService::Prepared> policy, std::string_view by,
                                       std::vector<std::string>* changes) {
  peers_.apply();
  if (policy) {
    const auto lines = put_in_force(std::move(*policy), by);
    if (changes != nullptr) changes->insert(changes->end(), lines.begin(), lines.end());
    return;
  }
  policy_.set_peers(peers_.all(), id_of_peer(), instant_now());
  policy_.set_settings(policy_settings());
}

}  // namespace sallyport::controlplane
