// What the admin API asks of the control plane.
#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "config/difference.hpp"
#include "config/load.hpp"
#include "config/unsupported.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/gateway_objects.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::uint64_t dataplane_silence_ns = 5 * second_ns;
constexpr std::chrono::milliseconds capture_check_interval{200};
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

}  // namespace

// ---- reload ----

tl::expected<ReloadSummary, std::vector<config::Error>> ControlPlane::reload() {
  // 1. Everything that can fail, without touching anything.
  auto next = config::load(file_);
  if (!next) return tl::unexpected(std::move(next.error()));
  std::vector<config::Error> errors = config::unsupported_features(*next);
  const config::Difference difference = config::diff(config_, *next);
  const config::Location whole_file{std::make_shared<const std::string>(file_.string()), 0, 0};
  for (const std::string& change : difference.restart_dataplane)
    errors.push_back({whole_file, change + ": needs a restart of both processes"});
  for (const std::string& change : difference.restart_controlplane)
    errors.push_back({whole_file, change + ": needs a restart of the control plane"});
  check_listen_ports(config_, *next, errors);
  auto keys = load_keys(*next, keys_);
  if (!keys) errors.insert(errors.end(), keys.error().begin(), keys.error().end());
  if (!errors.empty()) return tl::unexpected(std::move(errors));

  // 2. Nothing from here on can.
  ReloadSummary summary{lines_of(config::to_string(difference)), next->warnings};
  for (std::string& line : key_changes(keys_, *keys, *next)) summary.changes.push_back(std::move(line));
  config_ = std::move(*next);
  keys_ = std::move(*keys);
  set_log_level(config_.controlplane.log_level);
  if (settings_applied_)
    apply_configuration();
  else
    names_.set_wanted(endpoint_names(config_));
  ask_for_names();
  request_flush();
  log_info("configuration reloaded", {{"changes", summary.changes.size()}});
  for (const std::string& change : summary.changes) log_info("changed", {{"what", change}});
  return summary;
}

tl::expected<void, std::string> ControlPlane::forget_timestamp(std::string_view name) {
  const auto peer = std::find_if(config_.peers.begin(), config_.peers.end(),
                                 [&](const config::Peer& candidate) { return candidate.name == name; });
  if (peer == config_.peers.end()) return tl::unexpected("there is no peer " + std::string(name));
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
  const auto found = peer_ids_by_name_.find(name);
  if (found == peer_ids_by_name_.end()) return std::nullopt;
  return found->second;
}

std::string ControlPlane::peer_name(std::uint32_t id) const {
  const auto found = peers_by_id_.find(id);
  return found == peers_by_id_.end() ? std::string() : found->second->name;
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
  list.push_back({"dns_failures", "endpoint names that did not resolve", names_.failures()});
  list.push_back({"state_write_failures", "transactions that could not be written to the state file", store_failures_});
  list.push_back({"clock_steps", "times that the wall clock was set", clock_steps_seen_});
  return list;
}

std::vector<Problem> ControlPlane::problems() const {
  std::vector<Problem> list = publisher_.problems();
  for (Problem& problem : names_.problems()) list.push_back(std::move(problem));
  if (!store_failure_.empty()) list.push_back({"state file " + config_.controlplane.state.string(), store_failure_});
  const abi::StatisticsView* view = statistics();
  if (view == nullptr) {
    list.push_back({"dataplane", link_failure_.empty() ? "not connected yet" : link_failure_});
  } else {
    const std::uint64_t updated = view->header().updated_at_ns.load(std::memory_order_relaxed);
    const std::uint64_t now = boottime_ns();
    if (now > updated && now - updated > dataplane_silence_ns && now - connected_since_ns_ > dataplane_silence_ns)
      list.push_back(
          {"dataplane", "its housekeeping has been silent for " + std::to_string((now - updated) / second_ns) + " s"});
  }
  return list;
}

}  // namespace sallyport::controlplane
