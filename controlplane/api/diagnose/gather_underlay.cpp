#include <algorithm>
#include <map>

#include "controlplane/api/diagnose/gather.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

std::string dataplane_problem(const AdminBackend& backend) {
  for (Problem& problem : backend.problems())
    if (problem.what == "dataplane") return std::move(problem.why);
  return {};
}

void add_drops(PortSeen& seen, unsigned port, const abi::StatisticsView& statistics) {
  for (unsigned index = static_cast<unsigned>(abi::Counter::first_drop_reason); index < abi::counter_count; ++index) {
    const std::uint64_t packets = statistics.counter(port, index);
    seen.dropped += packets;
    if (packets <= seen.top_drop_packets) continue;
    seen.top_drop_packets = packets;
    seen.top_drop = abi::counter_infos[index].name;
    seen.top_drop_text = abi::counter_infos[index].text;
  }
}

PortSeen port_seen(unsigned index, const abi::PortStatusValue& status, const abi::StatisticsView& statistics) {
  PortSeen seen{
      .name = port_name(index, statistics), .device = text_of(status.device), .top_drop = {}, .top_drop_text = {}};
  seen.link_up = status.link_up != 0;
  seen.received = statistics.counter(index, index_of(abi::Counter::received));
  seen.missed = status.device_rx_missed + status.device_rx_no_buffer;
  seen.errors = status.device_rx_errors;
  add_drops(seen, index, statistics);
  return seen;
}

std::size_t ports_of_role(config::PortRole role, const config::Config& configuration) {
  return static_cast<std::size_t>(std::count_if(configuration.ports.begin(), configuration.ports.end(),
                                                [&](const config::Port& port) { return port.role == role; }));
}

using Neighbours = std::map<IpAddress, abi::NeighbourState>;

Neighbours neighbours_of(const AdminBackend& backend) {
  Neighbours neighbours;
  const abi::StatisticsView* statistics = backend.statistics();
  if (statistics == nullptr) return neighbours;
  for (unsigned index = 0; index < abi::max_neighbours_shown; ++index)
    if (const auto neighbour = statistics->neighbour(index);
        neighbour && neighbour->state != abi::NeighbourState::none && neighbour->address.valid())
      neighbours[neighbour->address] = neighbour->state;
  return neighbours;
}

abi::NeighbourState state_of(const IpAddress& address, const Neighbours& neighbours) {
  const auto found = neighbours.find(address);
  return found == neighbours.end() ? abi::NeighbourState::none : found->second;
}

// The address on the port's own network that packets to `to` are given to.
std::optional<IpAddress> next_hop(const IpAddress& to, const config::Port& port, const config::Config& configuration) {
  for (const IpPrefix& own : port.addresses)
    if (own.network().contains(to)) return to;
  const config::Route* best = nullptr;
  for (const config::Route& route : configuration.routes)
    if (route.port == port.name && route.to.contains(to) && (best == nullptr || route.to.length > best->to.length))
      best = &route;
  if (best != nullptr) return best->via;
  for (const IpAddress& gateway : port.gateway)
    if (gateway.family == to.family) return gateway;
  return std::nullopt;
}

}  // namespace

DataplaneSeen dataplane_seen(const AdminBackend& backend, const RequestTime& time) {
  DataplaneSeen seen{.problem = {}};
  const abi::StatisticsView* statistics = backend.statistics();
  seen.allows_everything = backend.policy() == nullptr;
  const PolicyVersion version = backend.policy_version();
  seen.generation = version.generation;
  seen.newest_in_force = version.in_force;
  if (statistics == nullptr) {
    seen.problem = dataplane_problem(backend);
    return seen;
  }
  const abi::StatisticsHeader& header = statistics->header();
  seen.connected = true;
  seen.silent = seconds(time.seconds_since(header.updated_at_ns.load(std::memory_order_relaxed)));
  seen.image_committed = version.in_force || header.policy_image.load(std::memory_order_relaxed) != 0;
  seen.under_load = header.under_load.load(std::memory_order_relaxed) != 0;
  return seen;
}

std::vector<PortSeen> ports_seen(const AdminBackend& backend, const std::string& underlay) {
  std::vector<PortSeen> ports;
  const abi::StatisticsView* statistics = backend.statistics();
  if (statistics == nullptr) return ports;
  for (unsigned index = 0; index < statistics->port_count(); ++index) {
    const auto status = statistics->port(index);
    if (!status) continue;
    const bool is_underlay = status->is_underlay != 0;
    PortSeen seen = port_seen(index, *status, *statistics);
    if (is_underlay && !underlay.empty() && seen.name != underlay) continue;
    const auto role = is_underlay ? config::PortRole::underlay : config::PortRole::inside;
    seen.needed = (is_underlay && !underlay.empty()) || ports_of_role(role, backend.configuration()) == 1;
    ports.push_back(std::move(seen));
  }
  return ports;
}

std::vector<NeighbourSeen> gateways_seen(const AdminBackend& backend) {
  if (backend.statistics() == nullptr) return {};
  const Neighbours neighbours = neighbours_of(backend);
  std::map<IpAddress, NeighbourSeen> gateways;
  for (const config::Port& port : backend.configuration().ports)
    for (const IpAddress& address : port.gateway)
      gateways.try_emplace(address, NeighbourSeen{address, port.name, "the gateway", state_of(address, neighbours)});
  for (const config::Route& route : backend.configuration().routes)
    gateways.try_emplace(route.via, NeighbourSeen{route.via, route.port, "the router to " + route.to.to_string(),
                                                  state_of(route.via, neighbours)});
  std::vector<NeighbourSeen> list;
  for (auto& [address, seen] : gateways) list.push_back(std::move(seen));
  return list;
}

std::optional<NeighbourSeen> next_hop_seen(const Subject& subject) {
  if (!subject.status || !subject.status->endpoint.is_set() || subject.port.empty()) return std::nullopt;
  const config::Config& configuration = subject.backend.configuration();
  const auto port = std::find_if(configuration.ports.begin(), configuration.ports.end(),
                                 [&](const config::Port& other) { return other.name == subject.port; });
  if (port == configuration.ports.end()) return std::nullopt;
  const IpAddress& endpoint = subject.status->endpoint.address;
  const auto via = next_hop(endpoint, *port, configuration);
  if (!via) return std::nullopt;
  const std::string whose = *via == endpoint ? "the peer's endpoint" : "the next hop to " + endpoint.to_string();
  return NeighbourSeen{*via, port->name, whose, state_of(*via, neighbours_of(subject.backend))};
}

}  // namespace sallyport::controlplane::diagnose
