#include <algorithm>
#include <map>
#include <utility>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/reachability.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned routed_peers_per_step = 256;

struct RouteText {
  IpPrefix prefix;
  std::string_view kind;
  std::string_view table = "inner";
  std::string port = {}, via = {}, peer = {}, tunnel = {};
};

class RouteEmitter {
 public:
  RouteEmitter(const std::map<std::string, std::string>& problems, const JsonEmit& emit)
      : problems_(problems), emit_(emit) {}

  void operator()(const RouteText& route) const {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    const std::string to = route.prefix.network().to_string();
    const auto problem = problems_.find(to);
    emit_({{"to", to},
           {"kind", route.kind},
           {"table", route.table.empty() ? Json() : Json(route.table)},
           {"port", or_null(route.port)},
           {"via", or_null(route.via)},
           {"tunnel", or_null(route.tunnel)},
           {"peer", or_null(route.peer)},
           {"problem", problem == problems_.end() ? Json() : Json(problem->second)}});
  }

 private:
  const std::map<std::string, std::string>& problems_;
  const JsonEmit& emit_;
};

void emit_port(const config::Port& port, const RouteEmitter& emit) {
  const std::string_view table = port.role == config::PortRole::underlay ? "underlay" : "inner";
  for (const IpPrefix& address : port.addresses)
    emit({.prefix = address, .kind = "connected", .table = table, .port = port.name});
  for (const IpAddress& gateway : port.gateway) {
    const IpAddress any{.bytes = {}, .family = gateway.family};
    emit({.prefix = {any, 0}, .kind = "default", .table = table, .port = port.name, .via = gateway.to_string()});
  }
}

// Empty: its port waits for a restart.
std::string_view table_of(const config::Route& route, const config::Config& configuration) {
  const auto is_its = [&](const config::Port& port) { return port.name == route.port; };
  if (std::none_of(configuration.ports.begin(), configuration.ports.end(), is_its)) return {};
  return is_inner(route, configuration) ? "inner" : "underlay";
}

// All that is short: ports, [[route]] and tunnels.
void emit_fixed(const config::Config& configuration, const RouteEmitter& emit) {
  for (const config::Port& port : configuration.ports) emit_port(port, emit);
  for (const config::Route& route : configuration.routes)
    emit({.prefix = route.to,
          .kind = "via",
          .table = table_of(route, configuration),
          .port = route.port,
          .via = route.via.to_string()});
  for (const config::Wireguard& tunnel : configuration.wireguards)
    for (const IpPrefix& address : tunnel.addresses) emit({.prefix = address, .kind = "tunnel", .tunnel = tunnel.name});
}

// By prefix, of the problems that are a route's: "route 10.8.0.2/32 of peer ann-laptop".
std::map<std::string, std::string> route_problems(const AdminBackend& backend) {
  constexpr std::string_view start = "route ";
  std::map<std::string, std::string> problems;
  for (Problem& problem : backend.problems()) {
    if (!problem.what.starts_with(start)) continue;
    std::string prefix = problem.what.substr(start.size());
    prefix.erase(std::min(prefix.find(' '), prefix.size()));
    problems.emplace(std::move(prefix), std::move(problem.why));
  }
  return problems;
}

// The inner routes and those of the underlay, as configured; `problem` says which are not in force, and why.
std::unique_ptr<BodySource> routes_view(const AdminBackend& backend) {
  bool fixed_done = false;
  std::size_t next = 0;
  return json_array([&backend, problems = route_problems(backend), fixed_done, next](const JsonEmit& emit) mutable {
    const RouteEmitter emit_route(problems, emit);
    const config::Config& configuration = backend.configuration();
    if (!std::exchange(fixed_done, true)) emit_fixed(configuration, emit_route);
    const std::span<const Peer> peers = backend.peers();
    for (unsigned i = 0; i < routed_peers_per_step && next < peers.size(); ++i) {
      const Peer& peer = peers[next++];
      for (const IpPrefix& prefix : peer.prefixes)
        emit_route({.prefix = prefix, .kind = "peer", .peer = peer.name, .tunnel = peer.interface});
    }
    return next < peers.size();
  });
}

HttpResponse get_routes(const Call& call) {
  return stream(routes_view(call.backend));
}

}  // namespace

std::span<const Endpoint> route_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"routes"}, get_routes, "inner and underlay routes"},
  };
  return list;
}

}  // namespace sallyport::controlplane
