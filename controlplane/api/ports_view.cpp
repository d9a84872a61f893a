#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

std::uint64_t drops_of(unsigned port, const abi::StatisticsView& statistics) {
  std::uint64_t sum = 0;
  for (unsigned index = static_cast<unsigned>(abi::Counter::first_drop_reason); index < abi::counter_count; ++index)
    sum += statistics.counter(port, index);
  return sum;
}

Json addresses_json(const abi::PortStatusValue& port) {
  Json addresses = Json::array();
  for (const IpPrefix& prefix : port.addresses)
    if (prefix.valid()) addresses.push_back(prefix.to_string());
  return addresses;
}

Json port_json(unsigned index, const abi::PortStatusValue& port, const abi::StatisticsView& statistics) {
  Json view = {{"name", port_name(index, statistics)},
               {"role", port.is_underlay != 0 ? "underlay" : "inside"},
               {"device", text_of(port.device)},
               {"driver", text_of(port.driver)},
               {"link", port.link_up != 0 ? "up" : "down"},
               {"speed_mbps", port.speed_mbps == 0 || port.speed_mbps == 0xffffffff ? Json() : Json(port.speed_mbps)},
               {"vlan", port.vlan == 0 ? Json() : Json(port.vlan)},
               {"mtu", port.mtu},
               {"mac", config::to_string(port.mac)},
               {"addresses", addresses_json(port)},
               {"rx_queues", port.rx_queues},
               {"tx_queues", port.tx_queues},
               {"dropped", drops_of(index, statistics)},
               {"device_rx_packets", port.device_rx_packets},
               {"device_tx_packets", port.device_tx_packets},
               {"device_rx_missed", port.device_rx_missed},
               {"device_rx_errors", port.device_rx_errors},
               {"device_rx_no_buffer", port.device_rx_no_buffer},
               {"device_tx_errors", port.device_tx_errors}};
  Json drops = Json::object();
  for (unsigned counter = 0; counter < abi::counter_count; ++counter) {
    const abi::CounterInfo& info = abi::counter_infos[counter];
    (info.kind == abi::CounterKind::drop ? drops : view)[std::string(info.name)] = statistics.counter(index, counter);
  }
  view["drops"] = std::move(drops);
  return view;
}

}  // namespace

std::string port_name(unsigned port_index, const abi::StatisticsView& statistics) {
  if (port_index >= abi::max_ports) return std::string(no_port_name);
  const auto port = statistics.port(port_index);
  std::string name = port ? text_of(port->name) : std::string();
  return name.empty() ? "(port " + std::to_string(port_index) + ")" : name;
}

std::string_view to_string(abi::NeighbourState state) {
  switch (state) {
    case abi::NeighbourState::incomplete:
      return "incomplete";
    case abi::NeighbourState::reachable:
      return "reachable";
    case abi::NeighbourState::stale:
      return "stale";
    case abi::NeighbourState::delay:
      return "delay";
    case abi::NeighbourState::probe:
      return "probe";
    case abi::NeighbourState::failed:
      return "failed";
    case abi::NeighbourState::none:
      break;
  }
  return "none";
}

namespace {

Json ports_view(const AdminBackend& backend) {
  Json ports = Json::array();
  const abi::StatisticsView* statistics = backend.statistics();
  if (statistics == nullptr) return ports;
  for (unsigned index = 0; index < statistics->port_count(); ++index)
    if (const auto port = statistics->port(index)) ports.push_back(port_json(index, *port, *statistics));
  return ports;
}

Json neighbours_view(const AdminBackend& backend, const RequestTime& time) {
  Json neighbours = Json::array();
  const abi::StatisticsView* statistics = backend.statistics();
  if (statistics == nullptr) return neighbours;
  for (unsigned index = 0; index < abi::max_neighbours_shown; ++index) {
    const auto neighbour = statistics->neighbour(index);
    if (!neighbour || neighbour->state == abi::NeighbourState::none || !neighbour->address.valid()) continue;
    const bool has_mac = neighbour->mac != std::array<std::uint8_t, 6>{};
    neighbours.push_back(
        {{"address", neighbour->address.to_string()},
         {"mac", has_mac ? Json(config::to_string(neighbour->mac)) : Json()},
         {"port", port_name(neighbour->port_index, *statistics)},
         {"state", controlplane::to_string(neighbour->state)},
         {"confirmed_s_ago",
          neighbour->confirmed_at_ns == 0 ? Json() : Json(time.seconds_since(neighbour->confirmed_at_ns))}});
  }
  return neighbours;
}

Json counters_view(const AdminBackend& backend) {
  Json totals = Json::object(), by_port = Json::object(), texts = Json::object();
  Json control_plane = Json::object(), control_plane_texts = Json::object();
  if (const abi::StatisticsView* statistics = backend.statistics()) {
    std::vector<unsigned> ports;
    for (unsigned port = 0; port < statistics->port_count(); ++port) ports.push_back(port);
    ports.push_back(abi::max_ports);  // what belongs to no port
    for (unsigned index = 0; index < abi::counter_count; ++index)
      totals[std::string(abi::counter_infos[index].name)] = statistics->counter(index);
    for (const unsigned port : ports) {
      Json& values = by_port[port_name(port, *statistics)];
      for (unsigned index = 0; index < abi::counter_count; ++index)
        values[std::string(abi::counter_infos[index].name)] = statistics->counter(port, index);
    }
  }
  constexpr std::string_view kinds[] = {"flow", "event", "drop"};
  for (const abi::CounterInfo& info : abi::counter_infos)
    texts[std::string(info.name)] = {{"kind", kinds[static_cast<unsigned>(info.kind)]}, {"text", info.text}};
  for (const NamedCounter& counter : backend.counters()) {
    control_plane[counter.name] = counter.value;
    control_plane_texts[counter.name] = {{"kind", "event"}, {"text", counter.text}};
  }
  return {{"totals", std::move(totals)},
          {"by_port", std::move(by_port)},
          {"control_plane", std::move(control_plane)},
          {"texts", std::move(texts)},
          {"control_plane_texts", std::move(control_plane_texts)}};
}

HttpResponse get_ports(const Call& call) {
  return document(ports_view(call.backend));
}

HttpResponse get_neighbours(const Call& call) {
  return document(neighbours_view(call.backend, call.time));
}

HttpResponse get_counters(const Call& call) {
  return document(counters_view(call.backend));
}

}  // namespace

std::span<const Endpoint> port_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"ports"}, get_ports, "ports with their links and counters"},
      Endpoint{"GET", {"neighbours"}, get_neighbours, "ARP and neighbour discovery"},
      Endpoint{"GET", {"counters"}, get_counters, "every counter, summed and by port"},
  };
  return list;
}

}  // namespace sallyport::controlplane
