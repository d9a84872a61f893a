#include "controlplane/api/reachability.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "controlplane/api/views.hpp"
#include "controlplane/wireguard/constants.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

std::string nothing_gets(End end) {
  return end == End::source ? ": packets from it are dropped" : ": packets to it are dropped";
}

// The interface whose own address it is; empty: none.
std::string owner_of(const IpAddress& address, const config::Config& configuration) {
  const auto has = [&](const std::vector<IpPrefix>& addresses) {
    return std::any_of(addresses.begin(), addresses.end(), [&](const auto& own) { return own.address == address; });
  };
  for (const config::Wireguard& tunnel : configuration.wireguards)
    if (has(tunnel.addresses)) return tunnel.name;
  for (const config::Port& port : configuration.ports)
    if (has(port.addresses)) return port.name;
  return {};
}

// The underlay port that has the address in one of its networks, or leads to it by a route of its own; null: none.
const config::Port* underlay_of(const IpAddress& address, const config::Config& configuration) {
  for (const config::Port& port : configuration.ports) {
    if (port.role != config::PortRole::underlay) continue;
    const bool connected = std::any_of(port.addresses.begin(), port.addresses.end(),
                                       [&](const IpPrefix& own) { return own.contains(address); });
    const auto routes = [&](const config::Route& route) {
      return route.port == port.name && route.to.contains(address);
    };
    if (connected || std::any_of(configuration.routes.begin(), configuration.routes.end(), routes)) return &port;
  }
  return nullptr;
}

// Why the route to it is not in force; empty: it is.
std::string route_problem(const IpPrefix& to, const std::vector<Problem>& problems) {
  const std::string what = "route " + to.network().to_string();
  for (const Problem& problem : problems)
    if (problem.what == what || problem.what.starts_with(what + ' ')) return problem.why;
  return {};
}

Reachability without_route(const IpAddress& address, End end, const config::Config& configuration) {
  if (const config::Port* port = underlay_of(address, configuration))
    return {"underlay", false,
            address.to_string() + " is on the underlay, at port " + port->name +
                ", where packets of tunnels do not go" + nothing_gets(end)};
  return {"no_route", false, "no inner route leads to " + address.to_string() + nothing_gets(end)};
}

}  // namespace

bool is_inner(const config::Route& route, const config::Config& configuration) {
  return std::any_of(configuration.ports.begin(), configuration.ports.end(), [&](const config::Port& port) {
    return port.name == route.port && port.role == config::PortRole::inside;
  });
}

std::optional<InnerRoute> find_inner_route(const IpAddress& address, const Peer* peer,
                                           const config::Config& configuration) {
  std::optional<InnerRoute> best;
  const auto offer = [&](InnerRoute route) {
    route.to = route.to.network();
    if (route.to.contains(address) && (!best || route.to.length > best->to.length)) best = std::move(route);
  };
  if (peer != nullptr)
    for (const IpPrefix& prefix : peer->prefixes) offer({prefix, "peer", {}, {}, peer->name, {}});
  for (const config::Port& port : configuration.ports) {
    if (port.role != config::PortRole::inside) continue;
    for (const IpPrefix& prefix : port.addresses) offer({prefix, "connected", port.name, {}, {}, {}});
    for (const IpAddress& gateway : port.gateway)
      offer({{.address = {.bytes = {}, .family = gateway.family}, .length = 0},
             "default",
             port.name,
             gateway.to_string(),
             {},
             {}});
  }
  for (const config::Route& route : configuration.routes)
    if (is_inner(route, configuration)) offer({route.to, "via", route.port, route.via.to_string(), {}, {}});
  for (const config::Wireguard& tunnel : configuration.wireguards)
    for (const IpPrefix& prefix : tunnel.addresses) offer({prefix, "tunnel", {}, {}, {}, tunnel.name});
  return best;
}

Reachability reach_of(const Peer& peer, const AdminBackend& backend, const RequestTime& time) {
  if (backend.statistics() == nullptr) return {"unknown", true, {}};
  const auto status = peer_status(peer, backend);
  const std::string who = "the peer " + peer.name;
  if (!status) return {"not_in_dataplane", true, "the dataplane does not have " + who};
  const std::vector<Problem> problems = backend.problems();
  for (const IpPrefix& prefix : peer.prefixes)
    if (const std::string why = route_problem(prefix, problems); !why.empty())
      return {"no_route", true, "the route " + prefix.to_string() + " of " + who + " is not in force: " + why};
  const bool can_be_called = status->endpoint.is_set();
  const std::string until = can_be_called ? "" : ", and must come first: its endpoint is unknown";
  if (status->latest_handshake_ns == 0) return {"never_connected", true, who + " has never connected" + until};
  const auto age = std::chrono::seconds(time.seconds_since(status->latest_handshake_ns));
  if (status->current_index == 0 || age > wireguard::reject_after_time)
    return {"no_session", true,
            who + " has no session: its last handshake was completed " + policy::duration_words(age) + " ago"};
  return {};
}

Reachability reach_of(const IpAddress& address, End end, const AdminBackend& backend, const RequestTime& time) {
  const config::Config& configuration = backend.configuration();
  const Peer* peer = backend.peer_of(address);
  const auto route = find_inner_route(address, peer, configuration);
  if (const std::string owner = owner_of(address, configuration); !owner.empty())
    return {"gateway", true, address.to_string() + " is the gateway's own address, on " + owner};
  if (!route) return without_route(address, end, configuration);
  if (route->kind == "peer") return reach_of(*peer, backend, time);
  if (route->kind == "tunnel")
    return {"nobody", false,
            address.to_string() + " is in the prefix of tunnel " + route->tunnel + ", and no peer has it" +
                nothing_gets(end)};
  if (const std::string why = route_problem(route->to, backend.problems()); !why.empty())
    return {"no_route", true, "the route " + route->to.to_string() + " is not in force: " + why};
  return {};
}

Reachability reach_of_network(const IpPrefix& net, const AdminBackend& backend, const RequestTime& time) {
  const IpAddress& address = net.address;
  const auto route = find_inner_route(address, backend.peer_of(address), backend.configuration());
  const std::string none = ": net: means addresses behind inside ports, never those of peers";
  // A shorter prefix may well cover networks behind inside ports too.
  if (route && route->to.contains(net)) {
    if (route->kind == "tunnel")
      return {"nobody", false, net.to_string() + " is in the prefix of tunnel " + route->tunnel + none};
    if (route->kind == "peer") return {"nobody", false, net.to_string() + " is of the peer " + route->peer + none};
  }
  return net.is_host() ? reach_of(address, End::source, backend, time) : Reachability{};
}

Json reachability_json(const Reachability& reach) {
  return {{"state", reach.state}, {"sentence", reach.sentence.empty() ? Json() : Json(reach.sentence)}};
}

}  // namespace sallyport::controlplane
