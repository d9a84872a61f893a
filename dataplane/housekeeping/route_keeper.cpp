#include "dataplane/housekeeping/route_keeper.hpp"

#include <algorithm>

#include "config/base/log.hpp"
#include "dataplane/abi/digest.hpp"
#include "dataplane/housekeeping/port_addresses.hpp"

namespace sallyport::dataplane {
namespace {

CommandResult result_of(RouteError error) noexcept {
  switch (error) {
    case RouteError::none:
    case RouteError::not_found:
      return abi::Refusal::none;
    case RouteError::invalid_prefix:
      return abi::Refusal::bad_value;
    case RouteError::busy:
      return CommandResult::again();
    case RouteError::too_many_hosts:
    case RouteError::too_many_prefixes:
    case RouteError::trie_full:
      break;
  }
  return abi::Refusal::table_full;
}

}  // namespace

CommandResult RouteKeeper::set(const abi::SetRoute& set, std::uint64_t sync_id) noexcept {
  const Tables& tables = context_.tables;
  if (set.prefix.is_host() &&
      (any_port_owns(tables.ports, set.prefix.address) || tables.tunnels.owns_address(set.prefix.address)))
    return abi::Refusal::conflict;
  const auto wanted = resolve(set, sync_id);
  if (!wanted) {
    // A router that cannot be had yet: the present one goes on, also over a synchronisation, which has named the route.
    const auto old = routes_.find(set.prefix);
    if (old != routes_.end() && old->second.kind == abi::RouteKind::via && set.route_kind == abi::RouteKind::via)
      old->second.sync_id = sync_id;
    return wanted.error();
  }
  const Route& route = wanted->route;
  // Nobody takes a port's own prefix: the hosts behind it would be cut off, and the route gone with this one.
  if (!route.is_underlay && port_routes_.contains(set.prefix)) {
    if (route.neighbour != no_neighbour) neighbours_.release(route.neighbour);
    return abi::Refusal::conflict;
  }
  neighbours_.forget_gleaned_covered_by(set.prefix);
  if (const CommandResult result = install(set, *wanted); !result.is_done()) {
    if (route.neighbour != no_neighbour) neighbours_.release(route.neighbour);
    return result;
  }
  if (const auto old = routes_.find(set.prefix); old != routes_.end()) let_go(old->second);
  if (route.kind == abi::RouteKind::peer) ++state_.peers[route.peer_id].routes;
  routes_[set.prefix] = route;
  digest_ += route.digest;
  if (route.is_underlay) paths_.refresh_all();
  return abi::Refusal::none;
}

tl::expected<RouteKeeper::Wanted, abi::Refusal> RouteKeeper::resolve(const abi::SetRoute& set,
                                                                     std::uint64_t sync_id) noexcept {
  Wanted wanted{.route = {.kind = set.route_kind, .sync_id = sync_id, .digest = abi::digest_of(set)}};
  Route& route = wanted.route;
  if (set.route_kind == abi::RouteKind::peer) {
    if (!state_.peers[set.peer_id].live) return tl::unexpected(abi::Refusal::unknown_peer);
    route.peer_id = set.peer_id;
    wanted.entry = {.kind = NextHopKind::peer, .peer_id = set.peer_id};
  } else if (set.route_kind == abi::RouteKind::via) {
    const auto ports = context_.tables.ports.ports();
    const auto port =
        std::find_if(ports.begin(), ports.end(), [&](const LogicalPort& p) { return is_on_link(p, set.via); });
    if (port == ports.end()) return tl::unexpected(abi::Refusal::route_unreachable);
    route.is_underlay = port->role == config::PortRole::underlay;
    if (!route.is_underlay) {
      route.neighbour = neighbours_.acquire(port->index, set.via);
      if (route.neighbour == no_neighbour) return tl::unexpected(abi::Refusal::table_full);
    }
    wanted.entry = {.kind = NextHopKind::port, .port_index = port->index, .neighbour_index = route.neighbour};
  }
  return wanted;
}

CommandResult RouteKeeper::install(const abi::SetRoute& set, const Wanted& wanted) noexcept {
  const auto before = routes_.find(set.prefix);
  if (before != routes_.end() && before->second.is_underlay != wanted.route.is_underlay)
    if (const CommandResult removed = remove(set.prefix); !removed.is_done()) return removed;
  if (wanted.route.is_underlay)
    return underlay_routes_.set(set.prefix, set.via) ? abi::Refusal::none : abi::Refusal::table_full;
  return result_of(context_.tables.routes.set(set.prefix, wanted.entry));
}

CommandResult RouteKeeper::remove(const IpPrefix& prefix) noexcept {
  const auto at = routes_.find(prefix);
  if (at == routes_.end()) return abi::Refusal::none;
  const Route route = at->second;
  if (route.is_underlay) {
    underlay_routes_.remove(prefix);
  } else if (const CommandResult result = result_of(context_.tables.routes.remove(prefix)); !result.is_done()) {
    return result;
  }
  let_go(route);
  routes_.erase(at);
  if (route.is_underlay) paths_.refresh_all();
  return abi::Refusal::none;
}

// What counts and holds for a route that is in routes_ and goes.
void RouteKeeper::let_go(const Route& route) noexcept {
  digest_ -= route.digest;
  if (route.kind == abi::RouteKind::peer) --state_.peers[route.peer_id].routes;
  if (route.neighbour != no_neighbour) neighbours_.release(route.neighbour);
}

bool RouteKeeper::remove_all_to(std::uint32_t peer_id) noexcept {
  if (state_.peers[peer_id].routes == 0) return true;
  bool all = true;
  for (auto at = routes_.begin(); at != routes_.end();) {
    const auto next = std::next(at);
    if (at->second.kind == abi::RouteKind::peer && at->second.peer_id == peer_id)
      all &= !remove(IpPrefix(at->first)).asks_again();
    at = next;
  }
  return all;
}

bool RouteKeeper::remove_unnamed(std::uint64_t sync_id) noexcept {
  bool all = true;
  for (auto at = routes_.begin(); at != routes_.end();) {
    const auto next = std::next(at);
    if (at->second.sync_id != sync_id) all &= !remove(IpPrefix(at->first)).asks_again();
    at = next;
  }
  return all;
}

CommandResult RouteKeeper::set_own_address(const IpAddress& address) noexcept {
  return result_of(context_.tables.routes.set(IpPrefix::host(address), {.kind = NextHopKind::local}));
}

CommandResult RouteKeeper::remove_own_address(const IpAddress& address) noexcept {
  return result_of(context_.tables.routes.remove(IpPrefix::host(address)));
}

// --- of ports ---

void RouteKeeper::install_of_port(const LogicalPort& port, const IpPrefix& prefix, const RouteEntry& entry) noexcept {
  const RouteError error = context_.tables.routes.set(prefix, entry);
  port_routes_.insert(prefix);
  if (error != RouteError::none)
    log_error("route of a port refused",
              {{"port", port.name}, {"prefix", prefix.to_string()}, {"reason", to_string(error)}});
}

void RouteKeeper::install_port_routes() noexcept {
  for (const LogicalPort& port : context_.tables.ports.ports()) {
    for (const IpPrefix& prefix : port.addresses) {
      install_of_port(port, IpPrefix::host(prefix.address), {.kind = NextHopKind::local, .port_index = port.index});
      if (port.role == config::PortRole::inside && !prefix.is_host())
        install_of_port(port, prefix.network(), {.kind = NextHopKind::connected, .port_index = port.index});
    }
    if (port.role != config::PortRole::inside) continue;
    for (const IpAddress& gateway : port.gateways) {
      const std::uint32_t neighbour = neighbours_.acquire(port.index, gateway);
      const IpPrefix everything{gateway.is_v4() ? IpAddress::v4(0, 0, 0, 0) : *IpAddress::parse("::"), 0};
      install_of_port(port, everything,
                      {.kind = NextHopKind::port, .port_index = port.index, .neighbour_index = neighbour});
    }
  }
}

}  // namespace sallyport::dataplane
