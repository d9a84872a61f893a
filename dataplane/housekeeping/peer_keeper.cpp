#include "dataplane/housekeeping/peer_keeper.hpp"

#include <algorithm>

#include "dataplane/housekeeping/wireguard_history.hpp"

namespace sallyport::dataplane {
namespace {

// Whether the peer that lives there has, under its former key, become this one.
bool takes_another_key(const PeerRecord& record, const abi::SetPeer& set) noexcept {
  return record.live && record.tunnel_id == set.tunnel_id && record.key != set.key &&
         set.former_key != abi::PeerKey{} && record.key == set.former_key;
}

// A record for the number's next owner. What a former one left in its grace period stays where it is.
PeerRecord fresh_record(const PeerRecord& record) noexcept {
  return {.path_neighbour = record.path_neighbour,
          .retiring_neighbour = record.retiring_neighbour,
          .path_in_grace = record.path_in_grace,
          .path_outdated = record.path_outdated,
          .indexed_remote = record.indexed_remote,
          .previous_in_bucket = record.previous_in_bucket,
          .next_in_bucket = record.next_in_bucket,
          .in_lowered = record.in_lowered};
}

}  // namespace

CommandResult PeerKeeper::set(const abi::SetPeer& set, std::uint64_t sync_id) noexcept {
  if (parts_.context.tables.tunnels.find(set.tunnel_id) == nullptr) return abi::Refusal::unknown_tunnel;
  PeerRecord& record = parts_.state.peers[set.peer_id];
  if (takes_another_key(record, set)) {
    record.key = set.key;
    record.history = {};  // the new key's is in the message alone
  }
  const bool is_another = record.key != set.key || record.tunnel_id != set.tunnel_id;
  if (record.live && is_another && !end(set.peer_id)) return CommandResult::again();
  const bool is_new = !record.live;
  if (is_new && !begin(set)) return CommandResult::again();
  record.sync_id = sync_id;
  record.persistent_keepalive_s = set.persistent_keepalive_s;
  take_history(record.history, set.history.greatest_timestamp, set.history.set_at_ns);
  const bool configured_anew =
      record.configured != set.endpoint || record.endpoint_generation != set.endpoint_generation;
  record.configured = set.endpoint;
  record.endpoint_generation = set.endpoint_generation;
  // A configured endpoint is the place to begin. One that data found since is better, until the configuration changes.
  if (set.endpoint.is_set() && (!record.endpoint.is_set() || (configured_anew && !is_new)))
    parts_.paths.move_endpoint(set.peer_id, set.endpoint, {},
                               std::max(parts_.context.now_ns, record.endpoint_seen_at_ns));
  if (is_new) parts_.paths.refresh(set.peer_id);
  parts_.statistics.write_peer(set.peer_id);
  return abi::Refusal::none;
}

bool PeerKeeper::begin(const abi::SetPeer& set) noexcept {
  PeerRecord& record = parts_.state.peers[set.peer_id];
  // A worker in the middle of a turn may still have packets for, or from, the number's last owner in its hands.
  if (record.freed_token != 0 && rte_rcu_qsbr_check(parts_.context.tables.rcu, record.freed_token, false) == 0)
    return false;
  record = fresh_record(record);
  record.live = true;
  record.key = set.key;
  record.tunnel_id = set.tunnel_id;
  parts_.state.add_live(set.peer_id);
  parts_.tunnels.add_peer(set.tunnel_id);
  Peer& peer = parts_.context.tables.peers[set.peer_id];
  peer.tunnel_id.store(set.tunnel_id, std::memory_order_relaxed);
  peer.send_index.store(0, std::memory_order_relaxed);
  peer.life.store(static_cast<std::uint8_t>(peer.life.load(std::memory_order_relaxed) + 1), std::memory_order_relaxed);
  peer.live.store(1, std::memory_order_release);
  parts_.policy.forget_peer(set.peer_id);
  return true;
}

CommandResult PeerKeeper::remove(const abi::RemovePeer& remove) noexcept {
  const PeerRecord& record = parts_.state.peers[remove.peer_id];
  if (record.live && record.key == remove.key && !end(remove.peer_id)) return CommandResult::again();
  return abi::Refusal::none;
}

bool PeerKeeper::remove_unnamed(std::uint64_t sync_id) noexcept {
  const auto& live = parts_.state.live_peers;
  for (std::size_t i = live.size(); i-- > 0;)
    if (parts_.state.peers[live[i]].sync_id != sync_id && !end(live[i])) return false;
  return true;
}

bool PeerKeeper::end(std::uint32_t peer_id) noexcept {
  if (!parts_.routes.remove_all_to(peer_id)) return false;
  parts_.sessions.end_all_of(peer_id, abi::SessionEnd::peer_removed);
  parts_.staging.drop_all(peer_id, DropReason::peer_removed);
  parts_.context.tables.peers[peer_id].live.store(0, std::memory_order_release);
  parts_.policy.forget_peer(peer_id);
  PeerRecord& record = parts_.state.peers[peer_id];
  record.live = false;
  record.freed_token = rte_rcu_qsbr_start(parts_.context.tables.rcu);
  record.endpoint = {};
  record.history = {};
  parts_.tunnels.remove_peer(record.tunnel_id);
  parts_.state.remove_live(peer_id);
  parts_.paths.refresh(peer_id);
  parts_.statistics.write_peer(peer_id);
  return true;
}

void PeerKeeper::forget_timestamp(std::uint32_t peer_id) noexcept {
  parts_.state.peers[peer_id].history = {};
  parts_.statistics.write_peer(peer_id);
}

}  // namespace sallyport::dataplane
