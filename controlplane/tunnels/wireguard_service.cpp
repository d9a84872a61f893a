// The link, events and timers; wireguard_peers.cpp has the peers and their keys, wireguard_messages.cpp the messages.
#include "controlplane/tunnels/wireguard_service.hpp"

#include <algorithm>
#include <chrono>

namespace sallyport::controlplane {

using wireguard::BootTime;
using wireguard::LocalIndex;

namespace {

constexpr std::chrono::milliseconds call_interval{20};
constexpr unsigned calls_per_interval = WireguardService::calls_per_second / 50;
// Timers handled in one turn of the event loop.
constexpr unsigned timers_per_turn = 1024;
// In how many calls of reconcile() all slots are looked at.
constexpr std::uint32_t reconcile_rounds = 15;
constexpr std::uint64_t minute_ns = 60'000'000'000;

}  // namespace

WireguardService::WireguardService(ServiceOutputs& outputs, WorkPool& pool, wireguard::RandomSource random, Clock clock)
    : outputs_(outputs), pool_(pool), random_(random), clock_(std::move(clock)), indices_(std::move(random)) {}

WireguardService::~WireguardService() = default;

// ---- the link ----

void WireguardService::on_connected(const abi::StatisticsView& statistics, bool same_boot) {
  connected_ = true;
  const wireguard::Instant now = clock_();
  if (!same_boot || indices_.max_sessions() != statistics.max_sessions()) indices_.reset(statistics.max_sessions());
  indices_.adopt(statistics, wireguard::to_boottime_ns(now.boot));

  if (!same_boot) unconfirmed_.clear();
  bool is_empty = true;
  for (auto& [id, peer] : peers_) {
    peer->sessions.clear();
    if (!same_boot) peer->unconfirmed = {};
    const auto status = id < statistics.max_peers() ? statistics.peer(id) : std::nullopt;
    if (!status || status->live == 0) continue;
    // It may not have heard of a new key yet.
    PeerKeyState* key = find_key(*peer, status->key);
    if (key == nullptr) continue;
    is_empty = false;
    adopt_status(*peer, *status);
    const wireguard::Tai64n timestamp{status->history.greatest_timestamp};
    if (timestamp != wireguard::Tai64n{})
      key->handshake.restore_timestamp({timestamp, wireguard::from_boottime_ns(status->history.set_at_ns)}, now);
  }
  indices_.for_each_session([&](LocalIndex index, const SessionIndices::Owner& owner) {
    Peer* peer = find(owner.peer_id);
    if (peer == nullptr) return;
    peer->sessions.push_back(index);
    // Of a key that was dropped while there was no link.
    if (owner.key != unknown_key_number && find_key(*peer, owner.key) == nullptr)
      outputs_.retire_session(static_cast<std::uint32_t>(index), owner.session_id);
  });

  // Peers whose sessions died with the dataplane do not know that yet: call them all. One that still has our peers has
  // their sessions too; who has none there was idle, and is called when there is traffic.
  const bool call_all = !same_boot && is_empty;
  to_call_.clear();
  for (const auto& [id, peer] : peers_)
    if (peer->sessions.empty() && (peer->settings.persistent_keepalive || (call_all && peer->known_endpoint.is_set())))
      to_call_.push_back(id);
  std::stable_sort(to_call_.begin(), to_call_.end(), [this](std::uint32_t left, std::uint32_t right) {
    return peers_.at(left)->last_active_ns > peers_.at(right)->last_active_ns;
  });
  next_call_at_ = now.boot;
  log_info("sessions adopted", {{"sessions", indices_.in_use()}, {"peers_to_call", to_call_.size()}});
}

void WireguardService::on_disconnected(const abi::StatisticsView& statistics) {
  connected_ = false;
  for (auto& [id, peer] : peers_) {
    const auto status = id < statistics.max_peers() ? statistics.peer(id) : std::nullopt;
    if (status && status->live != 0 && peer->has_key(status->key)) adopt_status(*peer, *status);
    peer->present->handshake.reset();
    if (peer->former) peer->former->handshake.reset();
    peer->scheduled.reset();
  }
  deadlines_.clear();
  to_call_.clear();
}

void WireguardService::adopt_status(Peer& peer, const abi::PeerStatusValue& status) {
  learn_endpoint(peer, status.endpoint, status.local);
  peer.last_active_ns = std::max({peer.last_active_ns, status.last_received_ns, status.last_sent_ns});
}

// A local address that is not told stays what it was while the peer is where it was.
void WireguardService::learn_endpoint(Peer& peer, const IpEndpoint& remote, const IpEndpoint& local) {
  if (!is_usable(remote)) return;
  const bool has_local = is_usable(local) && local.address.family == remote.address.family;
  const bool moved = peer.known_endpoint != remote;
  if (!moved && (!has_local || peer.known_local == local)) return;
  if (moved && peer.known_endpoint.is_set()) on_moved(peer);
  peer.known_endpoint = remote;
  peer.known_local = has_local ? local : IpEndpoint{};
  outputs_.endpoint_learned({peer.tunnel->settings.identity->public_key, peer.present->public_key()},
                            peer.known_endpoint, peer.known_local);
}

// ---- events ----

void WireguardService::on_event(const abi::Event& event) {
  if (abi::SessionWanted wanted; abi::read_payload(event, wanted)) {
    if (Peer* peer = find(wanted.peer_id)) want_session(*peer);
  } else if (abi::RekeyWanted rekey; abi::read_payload(event, rekey)) {
    if (Peer* peer = find(rekey.peer_id)) want_session(*peer);
  } else if (abi::SessionConfirmed confirmed; abi::read_payload(event, confirmed)) {
    Peer* peer = find(confirmed.peer_id);
    if (peer == nullptr) return;
    peer->last_active_ns = std::max(peer->last_active_ns, event.header.at_ns);
    // Whichever session carries data first ends the attempts with both keys.
    const LocalIndex index{confirmed.index};
    peer->present->handshake.on_session_confirmed(clock_(), index);
    if (peer->former) peer->former->handshake.on_session_confirmed(clock_(), index);
    reschedule(*peer);
    const auto owner = indices_.find(index);
    if (owner && owner->peer_id == confirmed.peer_id && owner->session_id == confirmed.session_id)
      completed(*peer, wireguard::Role::responder, index);
  } else if (abi::SessionEnded ended; abi::read_payload(event, ended)) {
    const auto owner = indices_.find(LocalIndex{ended.index});
    if (owner && indices_.ended(LocalIndex{ended.index}, ended.session_id))
      session_gone(LocalIndex{ended.index}, owner->peer_id);
  } else if (abi::EndpointMoved moved; abi::read_payload(event, moved)) {
    Peer* peer = find(moved.peer_id);
    if (peer == nullptr || !is_usable(moved.endpoint)) return;
    const auto status = outputs_.peer_status(moved.peer_id);
    learn_endpoint(*peer, moved.endpoint,
                   status && status->live != 0 && status->endpoint == moved.endpoint ? status->local : IpEndpoint{});
    peer->has_another_address = false;
    log_debug("endpoint moved", {{"peer", peer->settings.name}, {"endpoint", moved.endpoint.to_string()}});
  }
}

void WireguardService::on_install_refused(std::uint32_t index, std::uint64_t session_id, abi::Refusal reason) {
  ++counters_.installs_refused;
  const auto owner = indices_.find(LocalIndex{index});
  indices_.refused(LocalIndex{index}, session_id, reason == abi::Refusal::slot_in_use, now_ns());
  if (!owner || owner->session_id != session_id) return;
  session_gone(LocalIndex{index}, owner->peer_id);
  Peer* peer = find(owner->peer_id);
  // Its answer waited for the session, and never left.
  if (peer != nullptr && peer->unconfirmed.times > 0 && peer->unconfirmed.last_index == LocalIndex{index})
    --peer->unconfirmed.times;
  if (!refusal_log_.admit(now_ns())) return;
  log_warning("session refused by the dataplane", {{"peer", peer != nullptr ? peer->settings.name : "unknown"},
                                                   {"index", hex(index)},
                                                   {"reason", abi::to_string(reason)},
                                                   {"suppressed", refusal_log_.take_suppressed()}});
}

void WireguardService::session_gone(LocalIndex index, std::uint32_t peer_id) {
  if (Peer* peer = find(peer_id)) std::erase(peer->sessions, index);
}

void WireguardService::want_session(Peer& peer) {
  if (!connected_) return;
  PeerKeyState& key = calling_key(peer);
  if (!target_of(peer, key.handshake.tries())) {
    ++counters_.without_endpoint;
    if (peer.settings.has_endpoint_name) outputs_.reresolve_endpoint(peer.settings.peer_id);
    return;
  }
  perform(key, key.handshake.want_session(clock_()), nullptr);
}

// Calls a peer that has no session, if it is one that wants to be called without traffic.
void WireguardService::call(std::uint32_t peer_id) {
  Peer* peer = find(peer_id);
  if (peer != nullptr && peer->settings.persistent_keepalive && peer->sessions.empty() && !peer->handshaking())
    want_session(*peer);
}

// ---- health ----

void WireguardService::on_moved(Peer& peer) {
  Roaming& roaming = peer.roaming;
  const std::uint64_t now = now_ns();
  if (const std::uint64_t age = now - roaming.minute_began_ns; age >= minute_ns) {
    roaming.moves_last_minute = age < 2 * minute_ns ? roaming.moves : 0;
    roaming.moves = 0;
    roaming.minute_began_ns = now;
  }
  ++roaming.moves;
  roaming.before = peer.known_endpoint;
  roaming_.insert(peer.settings.peer_id);
}

std::optional<Problem> WireguardService::roaming_problem(const Peer& peer, std::uint64_t now_ns) {
  const Roaming& roaming = peer.roaming;
  const std::uint64_t age = now_ns - roaming.minute_began_ns;
  const unsigned moves = age < minute_ns       ? std::max(roaming.moves, roaming.moves_last_minute)
                         : age < 2 * minute_ns ? roaming.moves
                                               : 0;
  if (moves <= moves_a_minute_tolerated) return std::nullopt;
  return Problem{"peer " + peer.settings.name, "moved " + std::to_string(moves) + " times in a minute, between " +
                                                   roaming.before.to_string() + " and " +
                                                   peer.known_endpoint.to_string() + ": two machines with one key?"};
}

std::optional<Problem> WireguardService::unconfirmed_problem(const Peer& peer, std::uint64_t now_ns) const {
  const Unconfirmed& unconfirmed = peer.unconfirmed;
  if (unconfirmed.times <= unconfirmed_answers_tolerated || now_ns - unconfirmed.last_at_ns >= unconfirmed_shown_ns)
    return std::nullopt;
  return Problem{"peer " + peer.settings.name,
                 "answered " + std::to_string(unconfirmed.times) + " times, last at " + unconfirmed.from.to_string() +
                     ", never confirmed: its preshared key is another one, or our answers do not reach it"};
}

std::vector<Problem> WireguardService::problems() const {
  std::vector<Problem> list;
  const std::uint64_t now = now_ns();
  for (const std::uint32_t id : unconfirmed_)
    if (auto problem = unconfirmed_problem(*peers_.at(id), now)) list.push_back(std::move(*problem));
  for (const std::uint32_t id : roaming_)
    if (auto problem = roaming_problem(*peers_.at(id), now)) list.push_back(std::move(*problem));
  return list;
}

// ---- timers ----

std::optional<BootTime> WireguardService::next_deadline() const {
  std::optional<BootTime> earliest;
  if (!deadlines_.empty()) earliest = deadlines_.begin()->first;
  if (!to_call_.empty() && (!earliest || next_call_at_ < *earliest)) earliest = next_call_at_;
  return earliest;
}

void WireguardService::on_timer() {
  const wireguard::Instant now = clock_();
  for (unsigned handled = 0; handled < timers_per_turn; ++handled) {
    if (deadlines_.empty() || deadlines_.begin()->first > now.boot) break;
    Peer& peer = *peers_.at(deadlines_.begin()->second);
    perform(*peer.present, peer.present->handshake.on_timer(now), nullptr);
    if (peer.former) perform(*peer.former, peer.former->handshake.on_timer(now), nullptr);
  }
  if (to_call_.empty() || now.boot < next_call_at_) return;
  next_call_at_ = now.boot + call_interval;
  for (unsigned called = 0; called < calls_per_interval && !to_call_.empty();) {
    Peer* peer = find(to_call_.front());
    to_call_.pop_front();
    if (peer == nullptr || !peer->sessions.empty() || peer->handshaking()) continue;
    want_session(*peer);
    ++called;
  }
}

void WireguardService::reschedule(Peer& peer) {
  std::optional<BootTime> deadline;
  if (connected_) {
    deadline = peer.present->handshake.next_deadline();
    const auto other = peer.former ? peer.former->handshake.next_deadline() : std::nullopt;
    if (other && (!deadline || *other < *deadline)) deadline = other;
  }
  if (deadline == peer.scheduled) return;
  if (peer.scheduled) deadlines_.erase({*peer.scheduled, peer.settings.peer_id});
  peer.scheduled = deadline;
  if (deadline) deadlines_.emplace(*deadline, peer.settings.peer_id);
}

void WireguardService::reconcile(const abi::StatisticsView& statistics) {
  // Data moves endpoints, and events of it may be lost.
  auto at = peers_.lower_bound(next_to_reconcile_);
  for (std::size_t looked = peers_.size() / reconcile_rounds + 1; looked > 0 && at != peers_.end(); --looked, ++at) {
    const auto status = at->first < statistics.max_peers() ? statistics.peer(at->first) : std::nullopt;
    if (status && status->live != 0 && at->second->has_key(status->key)) adopt_status(*at->second, *status);
  }
  next_to_reconcile_ = at == peers_.end() ? 0 : at->first;
  indices_.reconcile(statistics, now_ns(), indices_.max_sessions() / reconcile_rounds + 1,
                     [this](LocalIndex index, std::uint32_t peer_id) {
                       ++counters_.ends_not_heard;
                       session_gone(index, peer_id);
                     });
  // Confirmations whose event found no room.
  for (auto next = unconfirmed_.begin(); next != unconfirmed_.end();) {
    const std::uint32_t id = *next++;
    Peer& peer = *peers_.at(id);
    const auto status = id < statistics.max_peers() ? statistics.peer(id) : std::nullopt;
    const LocalIndex answered = peer.unconfirmed.last_index;
    if (status && status->live != 0 && status->current_index == static_cast<std::uint32_t>(answered) &&
        peer.has_key(status->key))
      completed(peer, wireguard::Role::responder, answered);
  }
  std::erase_if(roaming_, [this, now = now_ns()](std::uint32_t id) {
    return now - peers_.at(id)->roaming.minute_began_ns >= 2 * minute_ns;
  });
}

// ---- look-ups ----

WireguardService::Peer* WireguardService::find(std::uint32_t peer_id) {
  const auto found = peers_.find(peer_id);
  return found == peers_.end() ? nullptr : found->second.get();
}

WireguardService::PeerKeyState* WireguardService::find(const KeyReference& reference) {
  Peer* peer = find(reference.id);
  return peer != nullptr && peer->incarnation == reference.incarnation ? find_key(*peer, reference.key) : nullptr;
}

WireguardService::KeyReference WireguardService::reference_to(const PeerKeyState& key) {
  return {key.peer.settings.peer_id, key.peer.incarnation, key.number};
}

WireguardService::Tunnel* WireguardService::find_tunnel(std::uint16_t tunnel_id) {
  const auto found = tunnels_.find(tunnel_id);
  return found == tunnels_.end() ? nullptr : found->second.get();
}

std::vector<NamedCounter> WireguardService::counters() const {
  std::vector<NamedCounter> list = {
      {"handshakes_as_initiator", "handshakes completed that we started", counters_.completed_as_initiator},
      {"handshakes_as_responder", "handshakes that the peer started, answered and confirmed by its first packet",
       counters_.completed_as_responder},
      {"handshake_initiations_sent", "handshake initiations sent", counters_.initiations_sent},
      {"handshake_responses_sent", "handshake responses sent", counters_.responses_sent},
      {"handshake_cookies_received", "cookie replies of peers under load", counters_.cookies_received},
      {"handshakes_given_up", "attempts that ended after 90 s without an answer", counters_.gave_up},
      {"handshakes_without_endpoint", "sessions wanted with a peer whose endpoint is unknown",
       counters_.without_endpoint},
      {"handshake_queue_full", "handshake messages dropped because the handshake threads were busy",
       counters_.queue_full},
      {"handshake_packets_malformed", "packets from the dataplane that are no handshake messages of a known tunnel",
       counters_.malformed_packets},
      {"handshake_packets_not_sent", "handshake messages that found the ring to the dataplane full",
       counters_.packets_not_sent},
      {"sessions_not_sent", "sessions that found no room in the command ring", counters_.installs_not_sent},
      {"sessions_refused", "sessions that the dataplane refused", counters_.installs_refused},
      {"session_ends_not_heard", "sessions found gone whose end the event ring had no room for",
       counters_.ends_not_heard},
  };
  for (std::size_t i = 0; i < counters_.refused.size(); ++i) {
    const auto error = static_cast<wireguard::HandshakeError>(i);
    list.push_back({"handshake_refused_" + std::string(wireguard::name_of(error)),
                    std::string(wireguard::explain(error)), counters_.refused[i]});
  }
  return list;
}

}  // namespace sallyport::controlplane
