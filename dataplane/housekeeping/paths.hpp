// The path of each peer's outer packets: made from its endpoint whenever that changes, by configuration, handshake or
// roaming. Workers read a path lock-free; the one that was replaced is written again only after a grace period, so a
// peer that moves faster than that gets its latest endpoint a moment later.
#pragma once

#include <cstdint>

#include "config/base/ip.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/housekeeping/underlay_path.hpp"
#include "dataplane/worker/housekeeping_context.hpp"

namespace sallyport::dataplane {

class Paths {
 public:
  Paths(HousekeepingContext& context, GatewayState& state, NeighbourService& neighbours,
        const UnderlayRoutes& underlay_routes)
      : context_(context),
        state_(state),
        neighbours_(neighbours),
        underlay_routes_(underlay_routes),
        in_grace_(context.tables.rcu, state.peers.size() + 1) {
  }  // one more: poll() may publish again while it reclaims

  // `seen_at_ns`: when the peer was seen there; an older sighting than the one in force changes nothing, and 0 (nothing
  // proves it) only the endpoint of a peer that has none. True if it did.
  bool move_endpoint(std::uint32_t peer_id, const IpEndpoint& remote, const IpEndpoint& local,
                     std::uint64_t seen_at_ns) noexcept;
  // Makes the path anew: the tunnel's MTU or listen port, or the underlay routes changed, or the peer is gone.
  void refresh(std::uint32_t peer_id) noexcept;
  void refresh_all() noexcept;
  void poll() noexcept;

 private:
  void publish(std::uint32_t peer_id) noexcept;

  HousekeepingContext& context_;
  GatewayState& state_;
  NeighbourService& neighbours_;
  const UnderlayRoutes& underlay_routes_;
  GraceQueue<std::uint32_t> in_grace_;  // peers whose former path may still be read; each once
};

}  // namespace sallyport::dataplane
