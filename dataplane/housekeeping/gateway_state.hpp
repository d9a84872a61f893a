// The peers and sessions as housekeeping keeps them: records by id and slot, and the list of those that live. Sized at
// start, so that later nothing is allocated.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/housekeeping/peer_record.hpp"

namespace sallyport::dataplane {

struct GatewayState {
  GatewayState(std::uint32_t max_peers, std::uint32_t max_sessions)
      : peers(max_peers), sessions(max_sessions), place_(max_peers) {
    live_peers.reserve(max_peers);
  }

  std::vector<PeerRecord> peers;        // by peer id
  std::vector<SessionRecord> sessions;  // by slot
  std::vector<std::uint32_t> live_peers;
  std::uint32_t live_sessions = 0;

  void add_live(std::uint32_t peer_id) noexcept {
    place_[peer_id] = static_cast<std::uint32_t>(live_peers.size());
    live_peers.push_back(peer_id);
  }
  void remove_live(std::uint32_t peer_id) noexcept {
    const std::uint32_t last = live_peers.back();
    live_peers[place_[peer_id]] = last;
    place_[last] = place_[peer_id];
    live_peers.pop_back();
  }

 private:
  std::vector<std::uint32_t> place_;  // of a live peer in live_peers
};

}  // namespace sallyport::dataplane
