#include "dataplane/housekeeping/session_timers.hpp"

#include <algorithm>

namespace sallyport::dataplane {
namespace {

// Whether `after_s`, which is not "never", has gone by.
bool is_past(std::uint32_t after_s, std::uint64_t since_ns, std::uint64_t at_ns) noexcept {
  return after_s != 0 && at_ns >= since_ns + after_s * second_ns;
}

constexpr std::size_t peers_per_poll = 1024;

}  // namespace

void SessionTimers::poll() noexcept {
  if (!in_pass_) {
    if (context_.now_ns - pass_started_at_ns_ < pass_interval_ns) return;
    pass_started_at_ns_ = context_.now_ns;
    position_ = 0;
    in_pass_ = true;
  }
  const std::size_t end = std::min(position_ + peers_per_poll, state_.live_peers.size());
  for (; position_ < end; ++position_) visit(state_.live_peers[position_]);
  in_pass_ = position_ < state_.live_peers.size();
}

void SessionTimers::raise_all_again() noexcept {
  for (const std::uint32_t peer_id : state_.live_peers) {
    PeerRecord& peer = state_.peers[peer_id];
    peer.wanted_at_ns = 0;
    for (const std::uint32_t index : {peer.current, peer.previous, peer.next})
      if (SessionRecord* session = sessions_.find(index)) session->rekey_wanted = false;
    if (peer.staged.count != 0) staging_.want_session(peer_id);
  }
}

void SessionTimers::visit(std::uint32_t peer_id) noexcept {
  PeerRecord& peer = state_.peers[peer_id];
  for (const std::uint32_t index : {peer.next, peer.current, peer.previous}) expire(index);
  data_received_ns_ = data_sent_ns_ = 0;
  for (const std::uint32_t index : {peer.next, peer.current, peer.previous}) note_traffic(peer, index);
  check_rekey(peer);
  check_keepalive(peer, peer_id);
  staging_.expire(peer_id);
  check_owner(peer.current);
  statistics_.write_peer(peer_id);
}

void SessionTimers::expire(std::uint32_t index) noexcept {
  const SessionRecord* session = sessions_.find(index);
  if (session != nullptr && is_past(session->rules.reject_after_s, session->created_at_ns, context_.now_ns))
    sessions_.end(index, abi::SessionEnd::expired);
}

void SessionTimers::note_traffic(PeerRecord& peer, std::uint32_t index) noexcept {
  if (sessions_.find(index) == nullptr) return;
  const std::uint32_t slot = context_.tables.sessions.slot_of(index);
  const OpenSession& open = context_.tables.sessions.open_slot(slot);
  const SealSession& seal = context_.tables.sessions.seal_slot(slot);
  // A worker's stamp may be a little later than this turn's clock; times that are subtracted from it must not be.
  const auto latest = [this](std::uint64_t so_far, const std::atomic<std::uint64_t>& tsc) {
    return std::max(so_far, std::min(context_.now_ns, context_.clock.to_ns(tsc.load(std::memory_order_relaxed))));
  };
  peer.last_received_ns = latest(peer.last_received_ns, open.last_received_tsc);
  peer.last_sent_ns = latest(peer.last_sent_ns, seal.last_sent_tsc);
  data_received_ns_ = latest(data_received_ns_, open.last_data_received_tsc);
  data_sent_ns_ = latest(data_sent_ns_, seal.last_data_sent_tsc);
}

void SessionTimers::check_rekey(PeerRecord& peer) noexcept {
  SessionRecord* session = sessions_.find(peer.current);
  if (session == nullptr) return;
  const SealSession& seal = context_.tables.sessions.seal_slot(context_.tables.sessions.slot_of(peer.current));
  const abi::SessionRules& rules = session->rules;
  if (seal.next_counter.load(std::memory_order_relaxed) >= rules.rekey_after_packets)
    want_rekey(*session, abi::RekeyReason::count, false);
  if (is_past(rules.rekey_after_sent_s, session->created_at_ns, peer.last_sent_ns) ||
      is_past(rules.rekey_after_received_s, session->created_at_ns, data_received_ns_))
    want_rekey(*session, abi::RekeyReason::age, false);
  // Data went out and nothing came back.
  if (data_sent_ns_ <= peer.last_received_ns) {
    peer.unanswered_sent_since_ns = 0;
  } else if (peer.unanswered_sent_since_ns == 0) {
    peer.unanswered_sent_since_ns = data_sent_ns_;
  } else if (is_past(rules.answer_within_s, peer.unanswered_sent_since_ns, context_.now_ns)) {
    peer.unanswered_sent_since_ns = context_.now_ns;
    want_rekey(*session, abi::RekeyReason::no_answer, true);
  }
}

void SessionTimers::want_rekey(SessionRecord& session, abi::RekeyReason reason, bool again) noexcept {
  if (session.rekey_wanted && !again) return;
  const abi::RekeyWanted event{
      .peer_id = session.peer_id, .index = session.index, .session_id = session.session_id, .reason = reason};
  session.rekey_wanted = context_.link.push_event(context_.now_ns, event);
  if (!session.rekey_wanted) context_.counters.add(no_port, Counter::events_lost);
}

void SessionTimers::check_keepalive(PeerRecord& peer, std::uint32_t peer_id) noexcept {
  const SessionRecord* session = sessions_.find(peer.current);
  const bool has_session = session != nullptr;
  // Passive: data came and nothing was sent since.
  if (data_received_ns_ <= peer.last_sent_ns) {
    peer.unanswered_received_since_ns = 0;
  } else if (peer.unanswered_received_since_ns == 0) {
    peer.unanswered_received_since_ns = data_received_ns_;
  }
  const bool passive_is_due =
      has_session && peer.unanswered_received_since_ns != 0 &&
      is_past(session->rules.keepalive_after_s, peer.unanswered_received_since_ns, context_.now_ns);
  const std::uint64_t interval_ns = peer.persistent_keepalive_s * second_ns;
  const bool persistent_is_due =
      interval_ns != 0 && context_.now_ns - std::max(peer.last_sent_ns, peer.last_received_ns) >= interval_ns;
  // The responder waits for a packet on the new session, and what was staged for it was refused.
  const bool first_is_due = has_session && session->role == abi::HandshakeRole::initiator &&
                            context_.now_ns >= session->created_at_ns + second_ns &&
                            context_.tables.sessions.seal_slot(context_.tables.sessions.slot_of(peer.current))
                                    .next_counter.load(std::memory_order_relaxed) == 0;
  if (!passive_is_due && !persistent_is_due && !first_is_due) return;
  peer.unanswered_received_since_ns = 0;
  if (has_session) {
    staging_.send_keepalive(peer_id);
  } else if (persistent_is_due && peer.endpoint.is_set() && context_.now_ns - peer.wanted_at_ns >= interval_ns) {
    staging_.want_session(peer_id);
  }
}

// A session belongs where its packets arrive. Half of them from elsewhere, and more than a few, is reason enough.
void SessionTimers::check_owner(std::uint32_t index) noexcept {
  constexpr std::uint32_t worth_a_move = 8;
  SessionRecord* record = sessions_.find(index);
  if (record == nullptr) return;
  const OpenSession& session = context_.tables.sessions.open_slot(context_.tables.sessions.slot_of(index));
  const std::uint32_t handed_over = session.handed_over.load(std::memory_order_relaxed);
  const std::uint64_t received = session.rx_packets.load(std::memory_order_relaxed);
  const std::uint32_t foreign = handed_over - record->handed_over_at_last_scan;
  const std::uint64_t all = received - record->rx_at_last_scan;
  record->handed_over_at_last_scan = handed_over;
  record->rx_at_last_scan = received;
  if (foreign >= worth_a_move && 2 * std::uint64_t{foreign} >= all)
    sessions_.move_ownership(index, session.handed_over_by.load(std::memory_order_relaxed));
}

}  // namespace sallyport::dataplane
