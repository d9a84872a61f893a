// The path of each peer's outer packets: made from its endpoint whenever that changes, by configuration, handshake or
// roaming. Workers read a path lock-free; the one that was replaced is written again only after a grace period, so a
// peer that moves faster than that gets its latest endpoint a moment later.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "config/base/ip.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/housekeeping/underlay_path.hpp"

namespace sallyport::dataplane {

// The least that a report lowers the MTU of outer packets to. IPv4: what every host takes (RFC 791), since 68 would be
// a weapon. IPv6: RFC 8200, section 5.
inline constexpr std::uint32_t least_path_mtu_v4 = 576, least_path_mtu_v6 = 1280;

class Paths {
 public:
  Paths(HousekeepingContext& context, GatewayState& state, NeighbourService& neighbours,
        const UnderlayRoutes& underlay_routes)
      : context_(context),
        state_(state),
        neighbours_(neighbours),
        underlay_routes_(underlay_routes),
        in_grace_(context.tables.rcu, state.peers.size() + 1),  // one more: poll() may publish again while it reclaims
        heads_(std::bit_ceil(state.peers.size()), abi::no_peer) {
    lowered_.reserve(state.peers.size());
  }

  // `seen_at_ns`: when the peer was seen there; an older sighting than the one in force changes nothing, and 0 (nothing
  // proves it) only the endpoint of a peer that has none. True if it did.
  bool move_endpoint(std::uint32_t peer_id, const IpEndpoint& remote, const IpEndpoint& local,
                     std::uint64_t seen_at_ns) noexcept;
  // Makes the path anew: the tunnel's MTU or listen port, or the underlay routes changed, or the peer is gone.
  void refresh(std::uint32_t peer_id) noexcept;
  void refresh_all() noexcept;
  void poll() noexcept;

  // A router on the present path said that outer packets of more than `outer_mtu` bytes do not pass: for so long they
  // get no larger (RFC 1191, section 6.3; RFC 8201, section 4). False: they are no larger already.
  bool lower_mtu(std::uint32_t peer_id, std::uint16_t outer_mtu) noexcept;
  static constexpr std::uint64_t lowered_mtu_lifetime_ns = 600 * second_ns;

  // Calls visit(peer_id) for peers whose path leads to `remote`, `most` at most.
  template <typename Visit>
  void for_each_at(const IpEndpoint& remote, unsigned most, Visit&& visit) const noexcept {
    for (std::uint32_t id = heads_[bucket_of(remote)]; id != abi::no_peer && most != 0;) {
      const std::uint32_t next = state_.peers[id].next_in_bucket;
      if (state_.peers[id].indexed_remote == remote) {
        --most;
        visit(id);
      }
      id = next;
    }
  }

 private:
  void publish(std::uint32_t peer_id) noexcept;
  void index(std::uint32_t peer_id, const IpEndpoint& remote) noexcept;
  [[nodiscard]] std::size_t bucket_of(const IpEndpoint& remote) const noexcept;
  void restore_mtus() noexcept;

  HousekeepingContext& context_;
  GatewayState& state_;
  NeighbourService& neighbours_;
  const UnderlayRoutes& underlay_routes_;
  GraceQueue<std::uint32_t> in_grace_;  // peers whose former path may still be read; each once
  std::vector<std::uint32_t> heads_;    // peers by the endpoint of their path: hash chains through their records
  std::vector<std::uint32_t> lowered_;  // peers whose path_mtu is not 0; each once
  std::uint64_t next_restore_ns_ = 0;
};

}  // namespace sallyport::dataplane
