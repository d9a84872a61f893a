// What the admin API asks of the control plane.
#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "config/difference.hpp"
#include "config/load.hpp"
#include "config/peer_warnings.hpp"
#include "controlplane/access/policy_summary.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/health.hpp"
#include "controlplane/peers/gateway_objects.hpp"
#include "controlplane/runtime/instant_now.hpp"
#include "controlplane/validation.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::chrono::milliseconds capture_check_interval{200};
constexpr std::size_t refusals_logged = 20;
// The dataplane says that a capture is over and nothing came any more at so many checks in a row.
constexpr unsigned quiet_checks_needed = 2;

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
void check_listen_ports(const config::Config& before, const config::Config& after, std::vector<config::Error>& errors) {
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

std::vector<std::string> key_changes(const GatewayKeys& before, const GatewayKeys& after,
                                     const config::Config& config) {
  std::vector<std::string> lines;
  std::set<std::string> rekeyed;
  for (const auto& [name, identity] : after.tunnels) {
    const auto old = before.tunnels.find(name);
    if (old == before.tunnels.end() || old->second == identity) continue;
    rekeyed.insert(name);
    const auto peers = std::count_if(config.peers.begin(), config.peers.end(),
                                     [&, tunnel = name](const auto& peer) { return peer.wireguard == tunnel; });
    lines.push_back("~ wireguard " + name + " private key: the sessions of its " + std::to_string(peers) +
                    " peers end, and they must know the new public key");
  }
  for (const config::Peer& peer : config.peers) {
    const auto old = before.peers.find(peer.name);
    const auto now = after.peers.find(peer.name);
    if (old == before.peers.end() || now == after.peers.end() || old->second == now->second) continue;
    if (!rekeyed.contains(peer.wireguard) && old->second->public_key == now->second->public_key)
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

// ---- reload ----

tl::expected<ReloadSummary, std::vector<config::Error>> ControlPlane::reload(std::string_view by) {
  auto result = try_to_reload(by);
  last_reload_ = LastReload{result.has_value(), boottime_ns()};
  refused_reload_.clear();
  if (result) return result;
  for (const config::Error& error : result.error()) refused_reload_.push_back(config::to_string(error));
  const std::size_t shown = std::min(refused_reload_.size(), refusals_logged);
  for (std::size_t i = 0; i < shown; ++i)
    log_error("configuration not reloaded", {{"by", by}, {"error", refused_reload_[i]}});
  if (shown < refused_reload_.size())
    log_error("configuration not reloaded", {{"by", by}, {"more_errors", refused_reload_.size() - shown}});
  return result;
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

tl::expected<ReloadSummary, std::vector<config::Error>> ControlPlane::try_to_reload(std::string_view by) {
  // 1. Everything that can fail, without touching anything. Of peers.d nothing can: a broken file is left out.
  auto next = config::load(file_);
  if (!next) return tl::unexpected(std::move(next.error()));
  auto keys = validate(*next, keys_);
  if (!keys) return tl::unexpected(std::move(keys.error()));
  std::vector<config::Error> errors;
  // What needs a restart stays as it runs, and waits for it; all the rest is applied.
  const config::Difference restarts = config::diff(config_, *next);
  config::keep_until_restart(config_, *next);
  if (next->peers.size() > next->dataplane.max_peers) errors.push_back(too_many_peers(*next, file_));
  config::PeerFolder folder = peer_folder_;
  NewKeys folder_keys;
  const auto accept = accept_peers(*keys, keys_, folder_keys);
  folder.rebase(*next, [&](const config::Peer& peer) -> std::optional<std::string> {
    auto why = accept(peer);
    // Its files were fine once; a peer that is up does not end because its key cannot be read now.
    const auto former = keys_.peers.find(peer.name);
    const auto former_tunnel = keys_.tunnels.find(peer.wireguard);
    const auto tunnel = keys->tunnels.find(peer.wireguard);
    if (!why || former == keys_.peers.end() || former->second->public_key != peer.public_key ||
        former_tunnel == keys_.tunnels.end() || tunnel == keys->tunnels.end() ||
        former_tunnel->second != tunnel->second)
      return why;
    next->warnings.push_back(config::to_string({peer.location, *why + "; its former key stays"}));
    folder_keys[peer.name] = former->second;
    return std::nullopt;
  });
  (void)folder.scan(accept);
  for (config::Peer& peer : folder.peers()) {
    keys->peers[peer.name] = folder_keys.at(peer.name);
    next->peers.push_back(std::move(peer));
  }
  BarredPeers barred = take_revoked_peers(*next);
  add_sessions(*next, *keys);
  const config::Difference difference = config::diff(config_, *next);
  check_listen_ports(config_, *next, errors);
  if (next->flow_records && next->flow_records != config_.flow_records)
    if (auto failure = FlowRecords::check(*next->flow_records))
      errors.push_back({next->flow_records->location, "file: " + *failure});
  std::optional<TcpListener> listener = prepare_enrolment(*next, errors);
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  auto policy = prepare_policy(*next);
  if (!policy) {
    std::vector<std::string> why;
    for (const config::Error& error : policy.error()) why.push_back(config::to_string(error));
    policy_.refused(PolicySource::files, {}, by, std::move(why), instant_now(), dirty_);
    return tl::unexpected(std::move(policy.error()));
  }

  // 2. Nothing from here on can.
  ReloadSummary summary{lines_of(config::to_string(difference)), next->warnings};
  note_restarts_wanted(restarts, summary);
  for (std::string& line : key_changes(keys_, *keys, *next)) summary.changes.push_back(std::move(line));
  if (*policy) summary.warnings.insert(summary.warnings.end(), (*policy)->warnings.begin(), (*policy)->warnings.end());
  config_ = std::move(*next);
  keys_ = std::move(*keys);
  peer_folder_ = std::move(folder);
  barred_peers_ = std::move(barred);
  enrolment_listener_ = std::move(listener);
  set_log_level(config_.controlplane.log_level);
  if (settings_applied_) {
    apply_configuration(std::move(*policy), by, &summary.changes);
  } else {
    names_.set_wanted(endpoint_names(config_));
    directory_.rebuild(config_.peers);
    if (*policy) {
      for (std::string& line : put_in_force(std::move(**policy), by)) summary.changes.push_back(std::move(line));
    } else {
      policy_.set_peers(
          config_.peers, [this](const config::Peer& peer) { return known_id(peer); }, instant_now());
      policy_.set_settings(policy_settings());
    }
  }
  if (!config_.policy.allow_everything) policy_.set_source(PolicySource::files, dirty_);
  policy_failure_.clear();
  configure_enrolment();
  end_displaced_sessions();
  apply_issuers();
  apply_clusters();
  const auto listens = start_enrolment_server();
  enrolment_failure_ = listens ? std::string() : listens.error();
  if (!listens) summary.warnings.push_back("enrolment does not listen: " + enrolment_failure_);
  apply_flow_records();
  note_peer_file_problems();
  for (const config::PeerFolder::Problem& problem : peer_folder_.problems())
    summary.warnings.push_back(config::to_string(problem.error));
  for (const config::Peer& peer : peer_folder_.peers())
    for (std::string& warning : config::peer_warnings(config_, peer)) summary.warnings.push_back(std::move(warning));
  ask_for_names();
  request_flush();
  log_info("configuration reloaded", {{"changes", summary.changes.size()}});
  for (const std::string& change : shortened(summary.changes, summary_lines_logged))
    log_info("changed", {{"what", change}});
  return summary;
}

tl::expected<void, std::string> ControlPlane::forget_timestamp(std::string_view name) {
  const config::Peer* peer = directory_.by_name(name);
  if (peer == nullptr) return tl::unexpected("there is no peer " + std::string(name));
  const auto id = peer_id(name);
  // The dataplane would give it back at the next link.
  if (!id || statistics() == nullptr)
    return tl::unexpected(std::string("no dataplane is connected, which remembers it too: try again when it is"));
  const PeerKey key{keys_.tunnels.at(peer->wireguard)->public_key, peer->public_key};
  service_.forget_timestamp(*id);
  publisher_.forget_timestamp(*id);
  stored_.timestamps.erase(key);
  dirty_.merge({.set = {}, .forget = {key}});
  request_flush();
  log_info("timestamp forgotten", {{"peer", name}});
  return {};
}

// ---- captures ----

tl::expected<std::uint32_t, std::string> ControlPlane::start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                                     std::function<void()> on_end) {
  if (statistics() == nullptr) return tl::unexpected(std::string("no dataplane is connected"));
  if (capture_) return tl::unexpected(std::string("another capture is running"));
  if (++last_capture_id_ == 0) ++last_capture_id_;
  request.capture_id = last_capture_id_;
  capture_.emplace(Capture{last_capture_id_, request.max_packets, std::move(on_packet), std::move(on_end)});
  publisher_.set_capture(request);
  capture_timer_.fire_after(capture_check_interval);
  request_flush();
  return last_capture_id_;
}

void ControlPlane::stop_capture(std::uint32_t capture_id) {
  if (!capture_ || capture_->id != capture_id) return;
  if (statistics() != nullptr) publisher_.set_capture({});
  request_flush();
  end_capture();
}

void ControlPlane::on_captured(const abi::CapturedPacket& packet) {
  if (!capture_ || packet.capture_id != capture_->id || packet.version != abi::version ||
      packet.captured_bytes > abi::capture_snap_bytes || capture_->packets_left == 0)
    return;
  capture_->quiet_checks = 0;
  const bool last = --capture_->packets_left == 0;
  const std::uint32_t id = capture_->id;
  // The sink may end the capture itself.
  const CaptureSink sink = capture_->on_packet;
  sink(packet);
  if (last) stop_capture(id);
}

void ControlPlane::watch_capture() {
  if (!capture_) return;
  const abi::StatisticsView* view = statistics();
  const bool over = view != nullptr && publisher_.pending() == 0 &&
                    view->header().capture_remaining.load(std::memory_order_relaxed) == 0;
  capture_->quiet_checks = over ? capture_->quiet_checks + 1 : 0;
  if (capture_->quiet_checks > quiet_checks_needed) return end_capture();
  capture_timer_.fire_after(capture_check_interval);
}

void ControlPlane::end_capture() {
  if (!capture_) return;
  const std::function<void()> on_end = std::move(capture_->on_end);
  capture_.reset();
  capture_timer_.cancel();
  if (on_end) on_end();
}

// ---- what is ----

const abi::StatisticsView* ControlPlane::statistics() const {
  const DataplaneConnection* connection = link_.connection();
  return connection != nullptr ? &connection->statistics() : nullptr;
}

std::optional<std::uint32_t> ControlPlane::peer_id(std::string_view name) const {
  return directory_.id_of(name);
}

std::string ControlPlane::peer_name(std::uint32_t id) const {
  const config::Peer* peer = directory_.by_id(id);
  return peer == nullptr ? std::string() : peer->name;
}

std::optional<PublicKey> ControlPlane::tunnel_public_key(std::string_view name) const {
  const auto found = keys_.tunnels.find(std::string(name));
  if (found == keys_.tunnels.end()) return std::nullopt;
  return found->second->public_key;
}

std::vector<NamedCounter> ControlPlane::counters() const {
  std::vector<NamedCounter> list = service_.counters();
  list.push_back({"commands_refused", "commands that the dataplane refused", publisher_.refusals()});
  list.push_back(
      {"sessions_without_room", "sessions that found the command ring full", publisher_.installs_without_room()});
  list.push_back({"dataplane_reconnections", "links to the dataplane after the first", reconnections_});
  list.push_back({"dataplane_resynchronisations",
                  "times that the dataplane was told everything again because it differed", resynchronisations_});
  list.push_back({"dns_failures", "endpoint names that did not resolve", names_.failures()});
  list.push_back({"state_write_failures", "transactions that could not be written to the state file", store_failures_});
  for (NamedCounter& counter : policy_.counters()) list.push_back(std::move(counter));
  for (NamedCounter& counter : flow_reports_.counters()) list.push_back(std::move(counter));
  for (NamedCounter& counter : enrolment_counters()) list.push_back(std::move(counter));
  const FlowRecords::Status records = flow_records_ ? flow_records_->status() : FlowRecords::Status{};
  list.push_back({"flow_records_written", "flow records written", records_written_before_ + records.written});
  list.push_back({"flow_records_lost", "flow records that found no room while the disk was slow or full",
                  records_lost_before_ + records.lost});
  list.push_back({"clock_steps", "times that the wall clock was set", clock_steps_seen_});
  return list;
}

std::vector<Problem> ControlPlane::problems() const {
  std::vector<Problem> list = publisher_.problems();
  for (Problem& problem : differences_.problems()) list.push_back(std::move(problem));
  for (Problem& problem : names_.problems()) list.push_back(std::move(problem));
  for (Problem& problem : service_.problems()) list.push_back(std::move(problem));
  if (last_reload_ && !last_reload_->succeeded) list.push_back(refused_reload_problem(refused_reload_));
  if (!store_failure_.empty()) list.push_back({"state file " + config_.controlplane.state.string(), store_failure_});
  if (!state_lost_.empty()) list.push_back({"state file " + config_.controlplane.state.string(), state_lost_});
  for (const std::string& change : restarts_wanted_) list.push_back({"configuration", change});
  if (!policy_failure_.empty()) list.push_back({"policy files", policy_failure_});
  if (!enrolment_failure_.empty()) list.push_back({"enrolment", enrolment_failure_});
  if (enrolment_server_)
    for (Problem& problem : enrolment_server_->problems()) list.push_back(std::move(problem));
  for (Problem& problem : pool_problems(pool_use())) list.push_back(std::move(problem));
  for (Problem& problem : trust_.problems()) list.push_back(std::move(problem));
  for (const ClusterStatus& cluster : clusters())
    if (!cluster.problem.empty()) list.push_back({"cluster " + cluster.name, cluster.problem});
  for (Problem& problem : policy_.problems()) list.push_back(std::move(problem));
  for (Problem& problem : peer_file_problems()) list.push_back(std::move(problem));
  if (flow_records_)
    if (std::string failure = flow_records_->status().failure; !failure.empty())
      list.push_back({"flow records", std::move(failure)});
  const abi::StatisticsView* view = statistics();
  if (view == nullptr) {
    list.push_back({"dataplane", link_failure_.empty() ? "not connected yet" : link_failure_});
  } else {
    for (Problem& problem : dataplane_problems(config_, *view, connected_since_ns_, boottime_ns()))
      list.push_back(std::move(problem));
  }
  return list;
}

}  // namespace sallyport::controlplane
