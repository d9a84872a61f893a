// What outlives a peer's sessions, and the process: the greatest timestamp that it ever sent (it binds for 24 hours,
// also when the peer goes and comes back) and where it was last. Both are of a peer as one of our interfaces sees it.
// Kept here as the state file has it, and put back into WireguardService when a peer comes.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>

#include "config/base/ip.hpp"
#include "controlplane/state/state_keeper.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"
#include "controlplane/wireguard/instant.hpp"

namespace sallyport::controlplane {

class PeerMemory {
 public:
  using IsConfigured = std::function<bool(const PeerKey&)>;
  PeerMemory(WireguardService& service, StateKeeper& state, IsConfigured is_configured)
      : service_(service), state_(state), is_configured_(std::move(is_configured)) {}

  // Of peers that are gone, so many timestamps are remembered (some 15 MB); those of peers that went earlier are
  // forgotten before their 24 hours are over.
  static constexpr std::size_t departed_max = 65536;

  // At the start: takes both out of what the state file had.
  void take(StoredState& stored);
  // Into the service, whose peers were replaced: of all that it has.
  void restore(wireguard::Instant now);
  // Of one that comes.
  void restore_timestamp(const PeerKey& peer, wireguard::Instant now);

  void timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp, wireguard::Instant now);
  void endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local, wireguard::Instant now);
  // An operator wants it gone.
  void forget_timestamp(const PeerKey& peer);

  // Where it was does not matter any more. Its timestamp does, should it come back.
  void note_departed(const PeerKey& peer);
  // After a reload, or the start: whoever is not configured.
  void note_all_departed();
  // Once a second: timestamps of peers that are gone, those that have lapsed and all but the last `kept`, so many in
  // one call. `configured` is how many peers there are.
  void tick(std::size_t configured, wireguard::Instant now);
  void forget_departed_beyond(std::size_t kept, wireguard::Instant now, std::size_t most = 10'000);

  // How many entries are held for the peers that are and were.
  struct Sizes {
    std::size_t timestamps, endpoints, departed;
  };
  [[nodiscard]] Sizes sizes() const { return {timestamps_.size(), endpoints_.size(), departed_.size()}; }

 private:
  WireguardService& service_;
  StateKeeper& state_;
  const IsConfigured is_configured_;
  std::map<PeerKey, TimestampRow> timestamps_;
  std::map<PeerKey, EndpointRow> endpoints_;
  // Peers that are gone and whose timestamps still bind: those that went first in front. A peer may be in it twice, or
  // have come back.
  std::deque<PeerKey> departed_;
};

}  // namespace sallyport::controlplane
