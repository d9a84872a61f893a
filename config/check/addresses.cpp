#include <algorithm>

#include "config/check/checks.hpp"
#include "config/limits.hpp"
#include "config/read/network_scalars.hpp"

namespace sallyport::config {
namespace {

std::string_view family_name(const IpAddress& address) {
  return address.is_v4() ? "IPv4" : "IPv6";
}

// "Addresses that overlap between interfaces are refused": a packet to such an address would have two ways to go. One
// interface may have several addresses of one prefix. At most (16 + 64) * 8 addresses, so pairs are cheap.
void check_overlaps(Draft& draft) {
  const auto& all = draft.interface_addresses;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool same_interface = all[i].owner == all[j].owner;
      const bool clash =
          same_interface ? all[i].value.address == all[j].value.address : all[i].value.overlaps(all[j].value);
      if (!clash) continue;
      draft.errors.add(all[i].at, "addresses: " + all[i].value.to_string() +
                                      (same_interface ? " stands here twice"
                                                      : " overlaps " + all[j].value.to_string() + " of " +
                                                            draft.describe(all[j].owner)));
      break;
    }
  }
}

const Owned<IpPrefix>* owner_of_own_address(const Draft& draft, const IpAddress& address) {
  const auto found = std::find_if(draft.interface_addresses.begin(), draft.interface_addresses.end(),
                                  [&](const auto& own) { return own.value.address == address; });
  return found == draft.interface_addresses.end() ? nullptr : &*found;
}

// A host of the connected prefix: neither its network nor its broadcast address.
bool is_neighbour(const IpPrefix& prefix, const IpAddress& address) {
  return prefix.contains(address) && why_no_host({address, prefix.length}).empty();
}

// An IPv6 router is often named by its link-local address, which every port with IPv6 reaches.
bool is_on_link(const Port& port, const IpAddress& address) {
  return std::any_of(port.addresses.begin(), port.addresses.end(), [&](const IpPrefix& prefix) {
    return is_neighbour(prefix, address) || (prefix.address.is_v6() && address.is_v6() && address.is_link_local());
  });
}

// With `gateway_onlink` the link itself reaches it (a /32 and a router, as hosters give it). The port must have an
// address of the family to ask for it with.
bool is_reached_onlink(const Port& port, const IpAddress& address) {
  return port.gateway_onlink && why_no_host(IpPrefix::host(address)).empty() &&
         std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const IpPrefix& own) { return own.address.family == address.family; });
}

// Two gateways of one family are one too many on one port, and on two inside ports: inner packets have one default
// route. Several underlay ports may have their own, as outer packets leave by the port that their tunnel came in by.
bool share_a_default_route(const Draft& draft, Owner a, Owner b) {
  const auto is_inside = [&](Owner owner) { return draft.config.ports[owner.index].role == PortRole::inside; };
  return a == b || (draft.all_roles_known && is_inside(a) && is_inside(b));
}

void check_gateways(Draft& draft) {
  const auto& gateways = draft.port_gateways;
  for (std::size_t i = 0; i < gateways.size(); ++i) {
    const IpAddress address = gateways[i].value;
    const Owner owner = gateways[i].owner;
    const auto refuse = [&](const std::string& why) { draft.errors.add(gateways[i].at, "gateway: " + why); };
    if (owner_of_own_address(draft, address) != nullptr) {
      refuse(address.to_string() + " is the gateway's own address");
    } else if (const Port& port = draft.config.ports[owner.index];
               !is_on_link(port, address) && !is_reached_onlink(port, address)) {
      refuse(port.gateway_onlink
                 ? "expected the address of a host, of a family that this port has, got " + address.to_string()
                 : "expected an address inside a prefix of this port (or gateway_onlink = true), got " +
                       address.to_string());
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (gateways[j].value.family != address.family || !share_a_default_route(draft, gateways[j].owner, owner))
        continue;
      refuse("expected at most one " + std::string(family_name(address)) + " gateway" +
             (gateways[j].owner == owner
                  ? ", got a second; the first is " + gateways[j].value.to_string()
                  : " among inside ports, got a second; the first is that of " + draft.describe(gateways[j].owner)));
      break;
    }
  }
}

// The ports' prefixes of one family, for a message.
std::string connected_prefixes(const Draft& draft, IpFamily family) {
  constexpr std::size_t shown = 8;
  std::string text;
  std::size_t count = 0;
  for (const auto& own : draft.interface_addresses) {
    if (own.owner.kind != Kind::port || own.value.address.family != family) continue;
    if (++count > shown) return text + ", ...";
    text += (text.empty() ? "" : ", ") + own.value.network().to_string() + " of '" + draft.name_of(own.owner) + '\'';
  }
  return text.empty() ? "none" : text;
}

void check_route(Draft& draft, std::size_t index) {
  Route& route = draft.config.routes[index];
  const Position at = draft.position_of({Kind::route, index}, "via");
  if (!route.via.is_set()) return;
  const auto refuse = [&](const std::string& why) { draft.errors.add(at, "via: " + why); };
  if (route.to.address.is_set() && route.to.address.family != route.via.family)
    return refuse("expected an " + std::string(family_name(route.to.address)) + " address, as 'to' has, got " +
                  route.via.to_string());
  if (const auto* own = owner_of_own_address(draft, route.via))
    return refuse(route.via.to_string() + " is the own address of " + draft.describe(own->owner));
  const auto goes_through = [&](std::size_t port) {
    route.port = draft.config.ports[port].name;
    draft.route_ports[index] = port;
  };
  for (const auto& own : draft.interface_addresses)
    if (own.owner.kind == Kind::port && is_neighbour(own.value, route.via)) return goes_through(own.owner.index);
  for (const auto& gateway : draft.port_gateways)
    if (gateway.value == route.via && is_reached_onlink(draft.config.ports[gateway.owner.index], route.via))
      return goes_through(gateway.owner.index);
  refuse("expected an address inside the connected prefix of a port (" + connected_prefixes(draft, route.via.family) +
         "), got " + route.via.to_string());
}

void check_underlay_routes(Draft& draft) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < draft.config.routes.size(); ++i)
    if (draft.route_role(i) == PortRole::underlay && ++count == limits::underlay_routes + 1)
      draft.errors.add(draft.position_of({Kind::route, i}),
                       "route: expected at most " + std::to_string(limits::underlay_routes) + " behind underlay ports");
}

}  // namespace

void check_addresses(Draft& draft) {
  check_overlaps(draft);
  check_gateways(draft);
}

void check_routes(Draft& draft) {
  draft.route_ports.assign(draft.config.routes.size(), std::nullopt);
  for (std::size_t i = 0; i < draft.config.routes.size(); ++i) check_route(draft, i);
  check_underlay_routes(draft);
}

}  // namespace sallyport::config
