#include "controlplane/api/diagnose/gather.hpp"
#include "controlplane/api/reachability.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::size_t most_prefixes_looked_at = 16;  // each is compared with every prefix that there is
constexpr std::size_t most_takers_shown = 16;

// Whoever has a prefix that takes something of `own` away from the peer: `whole` if nothing is left of it.
struct Taker {
  std::string name;
  bool whole = false;
};

std::string named(std::string_view kind, const std::string& name, const IpPrefix& prefix) {
  return std::string(kind) + ' ' + name + " (" + prefix.to_string() + ')';
}

std::vector<Taker> takers_of(const IpPrefix& own, const Subject& subject) {
  std::vector<Taker> takers;
  // The same prefix takes all of it, a longer one cuts a part off.
  const auto offer = [&](const IpPrefix& prefix, std::string_view kind, const std::string& name) {
    const IpPrefix other = prefix.network();
    if (own.contains(other) && takers.size() < most_takers_shown)
      takers.push_back({named(kind, name, other), other == own});
  };
  const config::Config& configuration = subject.backend.configuration();
  for (const config::Port& port : configuration.ports) {
    if (port.role != config::PortRole::inside) continue;
    for (const IpPrefix& prefix : port.addresses) offer(prefix, "port", port.name);
  }
  for (const config::Route& route : configuration.routes)
    if (is_inner(route, configuration)) offer(route.to, "the route by", route.port);
  for (const config::Wireguard& tunnel : configuration.wireguards)
    for (const IpPrefix& prefix : tunnel.addresses)
      offer(IpPrefix::host(prefix.address), "the gateway's own", tunnel.name);
  for (const Peer& other : subject.backend.peers()) {
    if (&other == &subject.peer) continue;
    for (const IpPrefix& prefix : other.prefixes) offer(prefix, "peer", other.name);
  }
  return takers;
}

std::string route_problem(const IpPrefix& prefix, const std::vector<Problem>& problems) {
  const std::string what = "route " + prefix.network().to_string();
  for (const Problem& problem : problems)
    if (problem.what == what || problem.what.starts_with(what + ' ')) return problem.why;
  return {};
}

std::optional<std::size_t> index_of_port(const std::string& name, const config::Config& configuration) {
  for (std::size_t i = 0; i < configuration.ports.size(); ++i)
    if (configuration.ports[i].name == name) return i;
  return std::nullopt;
}

// The port that the peer's packets leave by, or the underlay port of the smallest mtu.
const config::Port* narrowest_port(const Subject& subject) {
  const auto& ports = subject.backend.configuration().ports;
  if (const auto index = index_of_port(subject.port, subject.backend.configuration())) return &ports[*index];
  const config::Port* narrowest = nullptr;
  for (const config::Port& port : ports)
    if (port.role == config::PortRole::underlay && (narrowest == nullptr || port.mtu < narrowest->mtu))
      narrowest = &port;
  return narrowest;
}

}  // namespace

SourceSeen source_seen(const Subject& subject) {
  SourceSeen seen{.addresses = {}, .port = subject.port};
  for (const IpPrefix& prefix : subject.peer.prefixes) seen.addresses.push_back(prefix.to_string());
  const abi::StatisticsView* statistics = subject.backend.statistics();
  if (statistics == nullptr) return seen;
  const unsigned foreign = index_of(abi::DropReason::foreign_source);
  const bool port_known = subject.status && subject.status->underlay_port < statistics->port_count();
  seen.foreign_packets =
      port_known ? statistics->counter(subject.status->underlay_port, foreign) : statistics->counter(foreign);
  return seen;
}

RouteSeen route_seen(const Subject& subject) {
  RouteSeen seen;
  const std::vector<Problem> problems = subject.backend.problems();
  for (const IpPrefix& prefix : subject.peer.prefixes) {
    RouteSeen::Address address{prefix, {}, {}, route_problem(prefix, problems)};
    for (const Taker& taker : takers_of(prefix.network(), subject)) {
      std::string& by = taker.whole ? address.taken_by : address.cut_by;
      if (by.empty()) by = taker.name;
    }
    seen.addresses.push_back(std::move(address));
    if (seen.addresses.size() == most_prefixes_looked_at) break;
  }
  return seen;
}

std::optional<MtuSeen> mtu_seen(const Subject& subject) {
  if (subject.tunnel == nullptr) return std::nullopt;
  MtuSeen seen{.tunnel = subject.tunnel->name, .port = {}, .tunnel_mtu = subject.tunnel->mtu, .client_mtu = {}};
  if (const config::Port* port = narrowest_port(subject)) {
    seen.port = port->name;
    seen.port_mtu = port->mtu;
  }
  seen.outer_v6 = subject.status && subject.status->endpoint.address.is_v6();
  if (subject.session != nullptr && subject.session->client_view) seen.client_mtu = subject.session->client_view->mtu;
  if (const abi::StatisticsView* statistics = subject.backend.statistics())
    seen.too_big = statistics->counter(index_of(abi::DropReason::too_big));
  return seen;
}

}  // namespace sallyport::controlplane::diagnose
