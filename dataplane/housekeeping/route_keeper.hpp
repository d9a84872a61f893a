// The routes: those that commands make (into tunnels, to routers of the site, to nowhere, and those of the underlay),
// those of ports, and the addresses of tunnels.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/abi/commands.hpp"
#include "dataplane/forwarding/route_table.hpp"
#include "dataplane/housekeeping/command_result.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/held.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/housekeeping/underlay_path.hpp"

namespace sallyport::dataplane {

class RouteKeeper {
 public:
  RouteKeeper(HousekeepingContext& context, GatewayState& state, NeighbourService& neighbours,
              UnderlayRoutes& underlay_routes, Paths& paths)
      : context_(context), state_(state), neighbours_(neighbours), underlay_routes_(underlay_routes), paths_(paths) {}

  // The payload passed abi::valid.
  [[nodiscard]] CommandResult set(const abi::SetRoute& set, std::uint64_t sync_id) noexcept;
  [[nodiscard]] CommandResult remove(const IpPrefix& prefix) noexcept;
  // False: not all of them could go yet; try again.
  [[nodiscard]] bool remove_all_to(std::uint32_t peer_id) noexcept;
  [[nodiscard]] bool remove_unnamed(std::uint64_t sync_id) noexcept;

  // Of a tunnel: packets to this address are the gateway's own.
  [[nodiscard]] CommandResult set_own_address(const IpAddress& address) noexcept;
  [[nodiscard]] CommandResult remove_own_address(const IpAddress& address) noexcept;

  // Routes of ports, made at start: connected prefixes, own addresses and gateways of inside ports.
  void install_port_routes() noexcept;

  [[nodiscard]] HeldTable held() const noexcept { return {.count = routes_.size(), .digest = digest_}; }

 private:
  struct Route {
    abi::RouteKind kind;
    std::uint64_t sync_id;
    std::uint32_t peer_id = abi::no_peer;
    std::uint32_t neighbour = no_neighbour;  // of RouteKind::via
    bool is_underlay = false;
    std::uint64_t digest;
  };
  // A route with what workers are to find for it.
  struct Wanted {
    Route route;
    RouteEntry entry{.kind = NextHopKind::blackhole};
  };

  [[nodiscard]] tl::expected<Wanted, abi::Refusal> resolve(const abi::SetRoute& set, std::uint64_t sync_id) noexcept;
  [[nodiscard]] CommandResult install(const abi::SetRoute& set, const Wanted& wanted) noexcept;
  void let_go(const Route& route) noexcept;
  void install_of_port(const LogicalPort& port, const IpPrefix& prefix, const RouteEntry& entry) noexcept;

  HousekeepingContext& context_;
  GatewayState& state_;
  NeighbourService& neighbours_;
  UnderlayRoutes& underlay_routes_;
  Paths& paths_;
  std::map<IpPrefix, Route> routes_;  // those that commands made
  std::set<IpPrefix> port_routes_;    // those that ports have: no command changes them
  std::uint64_t digest_ = 0;          // of routes_
};

}  // namespace sallyport::dataplane
