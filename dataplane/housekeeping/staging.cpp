#include "dataplane/housekeeping/staging.hpp"

namespace sallyport::dataplane {

bool Staging::has_session(std::uint32_t peer_id) const noexcept {
  const SealSession* session =
      context_.tables.sessions.find_seal(context_.tables.peers[peer_id].send_index.load(std::memory_order_acquire));
  return session != nullptr && context_.now_tsc < session->expires_at_tsc &&
         session->next_counter.load(std::memory_order_relaxed) + Batch::capacity <= session->reject_from_counter;
}

void Staging::handle(Packet* packet) noexcept {
  const std::uint32_t peer_id = meta_of(packet).destination_peer;
  PeerRecord& peer = state_.peers[peer_id];
  if (!peer.live) return context_.counters.drop(packet, DropReason::peer_removed);
  if (packet->data_len == 0)
    return context_.counters.drop(packet, DropReason::no_session);  // a keepalive that came too late
  // Packets that wait go first, so that nothing is reordered.
  if (peer.staged.count == 0 && has_session(peer_id)) return send(packet, peer_id);
  if (!peer.endpoint.is_set()) {
    want_session(peer_id);  // its endpoint may be a name that the control plane is about to resolve
    return context_.counters.drop(packet, DropReason::no_endpoint);
  }
  if (peer.staged.count == max_per_peer)
    context_.counters.drop(static_cast<Packet*>(packets_.pop(peer.staged).packet), DropReason::staging_full);
  if (packets_.full()) return context_.counters.drop(packet, DropReason::staging_full);
  if (peer.staged.count == 0) peer.staged_since_ns = context_.now_ns;
  packets_.push(peer.staged, {.packet = packet, .neighbour = 0, .generation = 0});
  want_session(peer_id);
}

bool Staging::flush(std::uint32_t peer_id) noexcept {
  PeerRecord& peer = state_.peers[peer_id];
  if (peer.staged.count == 0 || !has_session(peer_id)) return false;
  while (peer.staged.count > 0) send(static_cast<Packet*>(packets_.pop(peer.staged).packet), peer_id);
  return true;
}

void Staging::drop_all(std::uint32_t peer_id, DropReason reason) noexcept {
  PeerRecord& peer = state_.peers[peer_id];
  while (peer.staged.count > 0) context_.counters.drop(static_cast<Packet*>(packets_.pop(peer.staged).packet), reason);
}

void Staging::expire(std::uint32_t peer_id) noexcept {
  const PeerRecord& peer = state_.peers[peer_id];
  if (peer.staged.count != 0 && context_.now_ns - peer.staged_since_ns >= patience_ns)
    drop_all(peer_id, DropReason::no_session);
}

void Staging::send_keepalive(std::uint32_t peer_id) noexcept {
  Packet* packet = context_.allocate(0);
  if (packet == nullptr) return;
  context_.count_originated(packet);
  context_.counters.add(no_port, Counter::keepalives_sent);
  send(packet, peer_id);
}

void Staging::want_session(std::uint32_t peer_id) noexcept {
  PeerRecord& peer = state_.peers[peer_id];
  if (peer.wanted_at_ns != 0 && context_.now_ns - peer.wanted_at_ns < second_ns) return;
  if (context_.link.push_event(context_.now_ns, abi::SessionWanted{.peer_id = peer_id})) {
    peer.wanted_at_ns = context_.now_ns;
  } else {
    context_.counters.add(no_port, Counter::events_lost);
  }
}

void Staging::send(Packet* packet, std::uint32_t peer_id) noexcept {
  PacketMeta& meta = meta_of(packet);
  meta.destination_peer = peer_id;
  const bool is_keepalive = packet->data_len == 0;
  // It may have waited for long: the routes, and whoever is not the gateway's own the policy, are asked again.
  if (!meta.is_trusted) meta.passed_policy = meta.took_hop = true;
  context_.send_to_worker(state_.peers[peer_id].usual_worker, packet, is_keepalive ? Task::seal : Task::route);
}

}  // namespace sallyport::dataplane
