#include "dataplane/housekeeping/underlay_path.hpp"

#include <algorithm>

#include "dataplane/housekeeping/port_addresses.hpp"

namespace sallyport::dataplane {
namespace {

bool is_underlay(const LogicalPort& port) noexcept {
  return port.role == config::PortRole::underlay;
}

bool can_be_remote(const PortTable& ports, const IpAddress& address) noexcept {
  if (!address.is_set() || address.is_unspecified() || address.is_loopback() || address.is_multicast()) return false;
  // 240/4 and the limited broadcast.
  if (address.is_v4() && address.bytes[0] >= 240) return false;
  return !any_port_owns(ports, address);
}

// The underlay port on whose link `address` lies; among equals the one that owns `hint`.
const LogicalPort* underlay_link_of(const PortTable& ports, const IpAddress& address, const IpAddress& hint) noexcept {
  const LogicalPort* best = nullptr;
  int best_length = -1;
  bool best_owns_hint = false;
  for (const LogicalPort& port : ports.ports()) {
    if (!is_underlay(port) || !is_on_link(port, address)) continue;
    const IpPrefix* prefix = connected_prefix(port, address);
    const int length = prefix != nullptr ? prefix->length : 0;  // link-local, or an on-link gateway
    const bool owns_hint = owns_address(port, hint);
    if (length < best_length || (length == best_length && (best_owns_hint || !owns_hint))) continue;
    best = &port;
    best_length = length;
    best_owns_hint = owns_hint;
  }
  return best;
}

bool is_inside(const PortTable& ports, const IpAddress& address) noexcept {
  return std::any_of(ports.ports().begin(), ports.ports().end(), [&](const LogicalPort& port) {
    return !is_underlay(port) && connected_prefix(port, address) != nullptr;
  });
}

struct GatewayChoice {
  const LogicalPort* port = nullptr;
  IpAddress gateway;
};

GatewayChoice default_gateway(const PortTable& ports, IpFamily family, const IpAddress& hint) noexcept {
  GatewayChoice first;
  for (const LogicalPort& port : ports.ports()) {
    if (!is_underlay(port)) continue;
    for (const IpAddress& gateway : port.gateways) {
      if (gateway.family != family || owns_address(port, gateway)) continue;
      if (owns_address(port, hint)) return {&port, gateway};
      if (first.port == nullptr) first = {&port, gateway};
      break;
    }
  }
  return first;
}

std::optional<UnderlayHop> hop_by(const LogicalPort& port, const IpAddress& next_hop, const IpAddress& remote,
                                  const IpAddress& hint) noexcept {
  const bool to_link_local = remote.is_v6() && remote.is_link_local();
  const bool hint_is_link_local = hint.is_v6() && hint.is_link_local();
  if (hint.family == remote.family && owns_address(port, hint) && hint_is_link_local == to_link_local)
    return UnderlayHop{port.index, next_hop, hint};
  const std::optional<IpAddress> local =
      source_for(port, to_link_local || !next_hop.is_link_local() ? next_hop : remote);
  if (!local) return std::nullopt;
  return UnderlayHop{port.index, next_hop, *local};
}

}  // namespace

bool UnderlayRoutes::set(const IpPrefix& prefix, const IpAddress& via) noexcept {
  if (!prefix.valid() || prefix.has_host_bits() || !via.valid() || via.family != prefix.address.family) return false;
  const auto known =
      std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) { return route.prefix == prefix; });
  if (known != routes_.end()) {
    known->via = via;
    return true;
  }
  if (routes_.size() == capacity) return false;
  routes_.push_back({prefix, via});
  return true;
}

bool UnderlayRoutes::remove(const IpPrefix& prefix) noexcept {
  return std::erase_if(routes_, [&](const Route& route) { return route.prefix == prefix; }) != 0;
}

const UnderlayRoutes::Route* UnderlayRoutes::find(const IpAddress& remote) const noexcept {
  const Route* longest = nullptr;
  for (const Route& route : routes_)
    if (route.prefix.contains(remote) && (longest == nullptr || route.prefix.length > longest->prefix.length))
      longest = &route;
  return longest;
}

std::optional<UnderlayHop> find_underlay_hop(const PortTable& ports, const UnderlayRoutes& routes,
                                             const IpAddress& remote, const IpAddress& local_hint) noexcept {
  if (!can_be_remote(ports, remote)) return std::nullopt;
  const LogicalPort* link = underlay_link_of(ports, remote, local_hint);
  const UnderlayRoutes::Route* route = routes.find(remote);
  const IpPrefix* connected = link != nullptr ? connected_prefix(*link, remote) : nullptr;
  const bool is_link_local = remote.is_v6() && remote.is_link_local();
  if (link != nullptr &&
      (is_link_local || route == nullptr || connected == nullptr || route->prefix.length <= connected->length))
    return hop_by(*link, remote, remote, local_hint);
  if (is_link_local) return std::nullopt;
  if (route != nullptr) {
    const LogicalPort* via_link = underlay_link_of(ports, route->via, local_hint);
    if (via_link == nullptr) return std::nullopt;
    return hop_by(*via_link, route->via, remote, local_hint);
  }
  // Its network is on the site's side, where no outer packet goes.
  if (is_inside(ports, remote)) return std::nullopt;
  const GatewayChoice choice = default_gateway(ports, remote.family, local_hint);
  if (choice.port == nullptr) return std::nullopt;
  return hop_by(*choice.port, choice.gateway, remote, local_hint);
}

}  // namespace sallyport::dataplane
