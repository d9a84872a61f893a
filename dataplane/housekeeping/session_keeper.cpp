#include "dataplane/housekeeping/session_keeper.hpp"

#include <algorithm>

#include "dataplane/abi/validate.hpp"
#include "dataplane/housekeeping/wireguard_history.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::size_t most_reclaimed_per_poll = 4096;
constexpr std::size_t max_moves = 256;
constexpr std::uint32_t max_held = 1024;

std::uint64_t expires_at_ns(const abi::InstallSession& install) noexcept {
  return install.created_at_ns + install.rules.reject_after_s * second_ns;
}

AeadAlgorithm algorithm_of(abi::SessionCipher cipher) noexcept {
  switch (cipher) {
    case abi::SessionCipher::chacha20_poly1305:
      return AeadAlgorithm::chacha20_poly1305;
  }
  return AeadAlgorithm::none;  // which no engine takes
}

}  // namespace

SessionKeeper::SessionKeeper(HousekeepingContext& context, GatewayState& state, Paths& paths, Staging& staging,
                             StatisticsWriter& statistics)
    : context_(context),
      state_(state),
      paths_(paths),
      staging_(staging),
      statistics_(statistics),
      ending_(context.tables.rcu, state.sessions.size()),
      moving_(context.tables.rcu, max_moves),
      held_(max_held) {}

SessionRecord* SessionKeeper::find(std::uint32_t index) noexcept {
  if (index == 0) return nullptr;
  SessionRecord& record = state_.sessions[context_.tables.sessions.slot_of(index)];
  const bool live = record.state != SlotState::free && record.state != SlotState::ending;
  return live && record.index == index ? &record : nullptr;
}

abi::Refusal SessionKeeper::install(const abi::InstallSession& install) noexcept {
  PeerRecord& peer = state_.peers[install.peer_id];
  if (!peer.live) return abi::Refusal::unknown_peer;
  SessionRecord& record = state_.sessions[context_.tables.sessions.slot_of(install.index)];
  if (record.state != SlotState::free) {
    const bool repeated = record.index == install.index && record.session_id == install.session_id;
    return repeated ? abi::Refusal::none : abi::Refusal::slot_in_use;
  }
  if (install.created_at_ns > context_.now_ns + second_ns || expires_at_ns(install) <= context_.now_ns)
    return abi::Refusal::bad_value;

  record = {.session_id = install.session_id,
            .created_at_ns = install.created_at_ns,
            .index = install.index,
            .remote_index = install.remote_index,
            .peer_id = install.peer_id,
            .role = install.role,
            .rules = install.rules};
  fill_slot(install, first_owner(install, peer));
  ++state_.live_sessions;
  paths_.move_endpoint(install.peer_id, install.endpoint, install.local, install.endpoint_seen_at_ns);
  take_history(peer.history, install.wireguard.timestamp, context_.now_ns);
  // A session that was answered and never confirmed gives way to any newer one.
  if (peer.next != 0) end(peer.next, abi::SessionEnd::replaced);
  if (install.role == abi::HandshakeRole::responder) {
    record.state = SlotState::next;
    peer.next = install.index;
    statistics_.write_peer(install.peer_id);  // at once: a control plane that dies now must find the slot taken
    return abi::Refusal::none;
  }
  record.state = SlotState::current;
  if (peer.previous != 0) end(peer.previous, abi::SessionEnd::replaced);
  peer.previous = peer.current;
  if (SessionRecord* before = find(peer.previous)) before->state = SlotState::previous;
  peer.current = install.index;
  peer.latest_handshake_ns = context_.now_ns;
  choose_send_session(install.peer_id);
  statistics_.write_peer(install.peer_id);
  // The responder waits for a packet of ours before it sends on the session.
  if (!staging_.flush(install.peer_id)) staging_.send_keepalive(install.peer_id);
  return abi::Refusal::none;
}

void SessionKeeper::fill_slot(const abi::InstallSession& install, std::uint16_t owner) noexcept {
  const std::uint32_t slot = context_.tables.sessions.slot_of(install.index);
  OpenSession& open = context_.tables.sessions.open_slot(slot);
  SealSession& seal = context_.tables.sessions.seal_slot(slot);
  const std::uint64_t expires_at_tsc = context_.clock.to_tsc(expires_at_ns(install));
  const AeadAlgorithm algorithm = algorithm_of(install.cipher);
  open.peer_id = install.peer_id;
  open.expires_at_tsc = expires_at_tsc;
  open.reject_from_counter = install.rules.reject_after_packets;
  open.window.reset(install.rules.replay_window);
  open.owner_worker.store(owner, std::memory_order_relaxed);
  open.awaits_confirmation.store(install.role == abi::HandshakeRole::responder ? 1 : 0, std::memory_order_relaxed);
  open.key.install(algorithm, install.open_key);
  seal.remote_index = install.remote_index;
  seal.expires_at_tsc = expires_at_tsc;
  seal.reject_from_counter = install.rules.reject_after_packets;
  seal.key.install(algorithm, install.seal_key);
  // Release: everything above is there before anyone finds the session.
  open.index.store(install.index, std::memory_order_release);
  seal.index.store(install.index, std::memory_order_release);
}

// The handshake came by the flow that the data will come by, so with one queue its worker is certain; with several the
// peer's last worker is the best guess, and a wrong one is corrected by move_ownership.
std::uint16_t SessionKeeper::first_owner(const abi::InstallSession& install, const PeerRecord& peer) const noexcept {
  if (install.port_index == abi::no_port) return peer.usual_worker;
  const Device& device = *context_.tables.devices[context_.tables.ports.port(install.port_index).device];
  return device.queues().rx_queues == 1 ? device.queues().worker_of_rx_queue(0) : peer.usual_worker;
}

void SessionKeeper::retire(const abi::RetireSession& retire) noexcept {
  const SessionRecord* record = find(retire.index);
  if (record != nullptr && record->session_id == retire.session_id) end(retire.index, abi::SessionEnd::retired);
}

void SessionKeeper::end_all_of(std::uint32_t peer_id, abi::SessionEnd reason) noexcept {
  const PeerRecord& peer = state_.peers[peer_id];
  for (const std::uint32_t index : {peer.next, peer.current, peer.previous})
    if (index != 0) end(index, reason);
}

void SessionKeeper::end(std::uint32_t index, abi::SessionEnd reason) noexcept {
  SessionRecord* record = find(index);
  if (record == nullptr) return;
  record->state = SlotState::ending;
  record->end_reason = reason;
  PeerRecord& peer = state_.peers[record->peer_id];
  for (std::uint32_t* place : {&peer.next, &peer.current, &peer.previous})
    if (*place == index) *place = 0;
  const std::uint32_t slot = context_.tables.sessions.slot_of(index);
  // Relaxed: who still finds it is covered by the grace period, and who confirms it meanwhile sees it by the release of
  // the choice below (session/send_choice.hpp).
  context_.tables.sessions.open_slot(slot).index.store(0, std::memory_order_relaxed);
  context_.tables.sessions.seal_slot(slot).index.store(0, std::memory_order_relaxed);
  choose_send_session(record->peer_id);
  ending_.retire(slot);
  --state_.live_sessions;
}

void SessionKeeper::choose_send_session(std::uint32_t peer_id) noexcept {
  const PeerRecord& peer = state_.peers[peer_id];
  // Never `next`: its initiator speaks first. And never `previous`: its time is nearly over, a new handshake is due.
  context_.tables.peers[peer_id].send_index.store(peer.current, std::memory_order_release);
}

void SessionKeeper::confirm(std::uint32_t index) noexcept {
  SessionRecord* record = find(index);
  if (record == nullptr || record->state != SlotState::next) return;
  PeerRecord& peer = state_.peers[record->peer_id];
  if (peer.previous != 0) end(peer.previous, abi::SessionEnd::replaced);
  peer.previous = peer.current;
  if (SessionRecord* before = find(peer.previous)) before->state = SlotState::previous;
  peer.current = index;
  peer.next = 0;
  record->state = SlotState::current;
  peer.latest_handshake_ns = context_.now_ns;
  choose_send_session(record->peer_id);
  statistics_.write_peer(record->peer_id);
  staging_.flush(record->peer_id);
  if (!context_.link.push_event(
          context_.now_ns,
          abi::SessionConfirmed{.peer_id = record->peer_id, .index = index, .session_id = record->session_id}))
    context_.counters.add(no_port, Counter::events_lost);
}

void SessionKeeper::move_ownership(std::uint32_t index, std::uint16_t worker) noexcept {
  OpenSession* session = context_.tables.sessions.find_open(index);
  if (session == nullptr || moving_.size() == max_moves) return;
  session->owner_worker.store(owner_moving, std::memory_order_release);
  moving_.retire({index, worker});
}

void SessionKeeper::hold_for_owner(Packet* packet) noexcept {
  if (held_.full()) return context_.counters.drop(packet, DropReason::handover_full);
  held_.push(held_queue_, {.packet = packet, .neighbour = 0, .generation = 0});
}

void SessionKeeper::drop_all_held() noexcept {
  while (held_queue_.count > 0)
    context_.counters.drop(static_cast<Packet*>(held_.pop(held_queue_).packet), DropReason::peer_removed);
}

void SessionKeeper::poll() noexcept {
  ending_.poll(most_reclaimed_per_poll, [this](std::uint32_t slot) { reclaim(slot); });
  moving_.poll(max_moves, [this](const Move& move) {
    OpenSession* session = context_.tables.sessions.find_open(move.index);
    if (session == nullptr) return;
    // The old owner is past its quiescent state: the window is nobody's. Release hands it to the new owner.
    session->handed_over.store(0, std::memory_order_relaxed);
    session->owner_worker.store(move.worker, std::memory_order_release);
    if (SessionRecord* record = find(move.index)) {
      state_.peers[record->peer_id].usual_worker = move.worker;
      record->handed_over_at_last_scan = 0;
    }
  });
  release_held();
}

void SessionKeeper::release_held() noexcept {
  for (std::uint32_t left = held_queue_.count; left > 0; --left) {
    auto* packet = static_cast<Packet*>(held_.pop(held_queue_).packet);
    const OpenSession* session = context_.tables.sessions.find_open(meta_of(packet).session_index);
    if (session == nullptr) {
      context_.counters.drop(packet, DropReason::unknown_session);
      continue;
    }
    const std::uint16_t owner = session->owner_worker.load(std::memory_order_acquire);
    if (owner == owner_moving) {
      held_.push(held_queue_, {.packet = packet, .neighbour = 0, .generation = 0});
    } else {
      context_.send_to_worker(owner, packet, Task::open);
    }
  }
}

void SessionKeeper::reclaim(std::uint32_t slot) noexcept {
  SessionRecord& record = state_.sessions[slot];
  OpenSession& open = context_.tables.sessions.open_slot(slot);
  SealSession& seal = context_.tables.sessions.seal_slot(slot);
  // The peer's slot may have a new owner by now; its totals begin at nothing then.
  PeerRecord& peer = state_.peers[record.peer_id];
  if (record.end_reason != abi::SessionEnd::peer_removed && peer.live) {
    peer.ended.rx_packets += open.rx_packets.load(std::memory_order_relaxed);
    peer.ended.rx_bytes += open.rx_bytes.load(std::memory_order_relaxed);
    peer.ended.tx_packets += seal.next_counter.load(std::memory_order_relaxed);
    peer.ended.tx_bytes += seal.tx_bytes.load(std::memory_order_relaxed);
  }
  open.key.wipe();
  seal.key.wipe();
  open.window.reset(0);
  for (auto* counter :
       {&open.rx_packets, &open.rx_bytes, &open.greatest_counter, &open.last_received_tsc, &open.last_data_received_tsc,
        &seal.next_counter, &seal.tx_bytes, &seal.last_sent_tsc, &seal.last_data_sent_tsc})
    counter->store(0, std::memory_order_relaxed);
  open.handed_over.store(0, std::memory_order_relaxed);
  const abi::SessionEnded ended{
      .peer_id = record.peer_id, .index = record.index, .session_id = record.session_id, .reason = record.end_reason};
  record = SessionRecord{};
  statistics_.clear_session(slot);
  if (!context_.link.push_event(context_.now_ns, ended)) context_.counters.add(no_port, Counter::events_lost);
}

}  // namespace sallyport::dataplane
