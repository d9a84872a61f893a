#include "controlplane/peers/peer_memory.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "controlplane/wireguard/constants.hpp"

namespace sallyport::controlplane {
namespace {

// Keys that were replaced leave entries, too: beyond so many it is looked for them.
constexpr std::size_t strays_max = 4096;

wireguard::GreatestTimestamp from_row(const TimestampRow& row, wireguard::Instant now) {
  return {row.value, now.boot - std::max(now.wall - row.set_at, wireguard::WallTime::duration(0))};
}

TimestampRow to_row(const wireguard::GreatestTimestamp& timestamp, wireguard::Instant now) {
  return {timestamp.value, now.wall - (now.boot - timestamp.set_at)};
}

}  // namespace

void PeerMemory::take(StoredState& stored) {
  timestamps_ = std::exchange(stored.timestamps, {});
  endpoints_ = std::exchange(stored.peer_endpoints, {});
}

void PeerMemory::restore(wireguard::Instant now) {
  for (const auto& [key, row] : timestamps_) service_.restore_timestamp(key, from_row(row, now));
  for (const auto& [key, row] : endpoints_)
    service_.restore_endpoint(key, row.remote, row.local, now.wall - row.seen_at);
}

void PeerMemory::restore_timestamp(const PeerKey& peer, wireguard::Instant now) {
  const auto row = timestamps_.find(peer);
  if (row != timestamps_.end()) service_.restore_timestamp(peer, from_row(row->second, now));
}

void PeerMemory::timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp,
                                    wireguard::Instant now) {
  StoreChange change;
  change.set.timestamps[peer] = to_row(timestamp, now);
  timestamps_[peer] = change.set.timestamps[peer];
  state_.pending().merge(std::move(change));
}

void PeerMemory::endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local,
                                  wireguard::Instant now) {
  const EndpointRow row{remote, local, now.wall};
  endpoints_[peer] = row;
  state_.pending().set.peer_endpoints[peer] = row;
}

void PeerMemory::forget_timestamp(const PeerKey& peer) {
  timestamps_.erase(peer);
  state_.pending().merge({.set = {}, .forget = {peer}});
}

void PeerMemory::note_departed(const PeerKey& peer) {
  if (endpoints_.erase(peer) != 0) state_.pending().set.peer_endpoints[peer] = {};
  if (timestamps_.contains(peer)) departed_.push_back(peer);
}

void PeerMemory::note_all_departed() {
  std::vector<std::pair<wireguard::WallTime, PeerKey>> departed;
  for (const auto& [key, row] : timestamps_)
    if (!is_configured_(key)) departed.emplace_back(row.set_at, key);
  std::sort(departed.begin(), departed.end());
  departed_.clear();
  for (const auto& [at, key] : departed) departed_.push_back(key);
  std::erase_if(endpoints_, [this](const auto& entry) {
    if (is_configured_(entry.first)) return false;
    state_.pending().set.peer_endpoints[entry.first] = {};
    return true;
  });
}

void PeerMemory::tick(std::size_t configured, wireguard::Instant now) {
  forget_departed_beyond(departed_max, now);
  if (endpoints_.size() > configured + strays_max || timestamps_.size() > configured + departed_.size() + strays_max)
    note_all_departed();
}

void PeerMemory::forget_departed_beyond(std::size_t kept, wireguard::Instant now, std::size_t most) {
  const wireguard::WallTime lapsed = now.wall - wireguard::timestamp_floor_lifetime;
  for (; most > 0 && !departed_.empty(); --most) {
    const PeerKey key = departed_.front();
    const auto row = timestamps_.find(key);
    const bool has_come_back = is_configured_(key);
    const bool is_over = row == timestamps_.end() || row->second.set_at <= lapsed || has_come_back;
    if (!is_over && departed_.size() <= kept) return;
    departed_.pop_front();
    if (row == timestamps_.end() || has_come_back) continue;
    timestamps_.erase(row);
    if (!is_over) state_.pending().merge({.set = {}, .forget = {key}});
  }
}

}  // namespace sallyport::controlplane
