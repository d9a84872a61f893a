// The peers: made, changed and removed by command. A peer is its number, its tunnel and its key; with a peer go
// its routes, its sessions, what waits for one, and its access.
#pragma once

#include <cstdint>

#include "dataplane/abi/commands.hpp"
#include "dataplane/housekeeping/command_result.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/housekeeping/policy_keeper.hpp"
#include "dataplane/housekeeping/route_keeper.hpp"
#include "dataplane/housekeeping/session_keeper.hpp"
#include "dataplane/housekeeping/staging.hpp"
#include "dataplane/housekeeping/statistics_writer.hpp"
#include "dataplane/housekeeping/tunnel_keeper.hpp"

namespace sallyport::dataplane {

class PeerKeeper {
 public:
  struct Parts {
    HousekeepingContext& context;
    GatewayState& state;
    TunnelKeeper& tunnels;
    RouteKeeper& routes;
    Paths& paths;
    SessionKeeper& sessions;
    Staging& staging;
    PolicyKeeper& policy;
    StatisticsWriter& statistics;
  };
  explicit PeerKeeper(const Parts& parts) noexcept : parts_(parts) {}

  // The payloads passed abi::valid.
  [[nodiscard]] CommandResult set(const abi::SetPeer& set, std::uint64_t sync_id) noexcept;
  [[nodiscard]] CommandResult remove(const abi::RemovePeer& remove) noexcept;
  void forget_timestamp(std::uint32_t peer_id) noexcept;
  // False: one of them could not go yet; try again.
  [[nodiscard]] bool remove_unnamed(std::uint64_t sync_id) noexcept;

 private:
  // False: try again.
  [[nodiscard]] bool begin(const abi::SetPeer& set) noexcept;
  [[nodiscard]] bool end(std::uint32_t peer_id) noexcept;

  Parts parts_;
};

}  // namespace sallyport::dataplane
