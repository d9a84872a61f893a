#include <algorithm>
#include <array>
#include <ostream>

#include "config/base/ip.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

std::string next_hop(const Json& route) {
  std::string text;
  for (const char* key : {"peer", "tunnel", "port"})
    if (const std::string name = text_field(route, key, ""); !name.empty())
      text += (text.empty() ? "" : ", ") + std::string(key) + ' ' + name;
  const std::string via = text_field(route, "via", "");
  return via.empty() ? text : "via " + via + (text.empty() ? "" : ", " + text);
}

// The routes of the longest prefix that contains the address, in each table.
Json best_routes(const Json& routes, const IpAddress& address) {
  Json best = Json::array();
  for (const char* table : {"inner", "underlay"}) {
    int longest = -1;
    const Json* found = nullptr;
    for (const Json& route : routes) {
      const auto prefix = IpPrefix::parse(text_field(route, "to", ""));
      if (!prefix || text_field(route, "table") != table || !prefix->contains(address) || prefix->length <= longest)
        continue;
      longest = prefix->length;
      found = &route;
    }
    if (found != nullptr) best.push_back(*found);
  }
  return best;
}

ExitCode run_routes(const Invocation& call) {
  std::optional<IpAddress> address;
  if (!call.arguments.empty()) {
    address = IpAddress::parse(call.arguments[0]);
    if (!address)
      return usage_error(call.terminal, "routes", "expected an IP address, got '" + call.arguments[0] + "'");
  }
  auto routes = get(call, "/v1/routes");
  if (!routes) return routes.error();
  if (address) *routes = best_routes(*routes, *address);
  if (print_json(call, *routes)) return ExitCode::success;
  Table table({{"TO"}, {"KIND"}, {"TABLE"}, {"NEXT HOP"}, {"PROBLEM"}});
  for (const Json& route : *routes)
    table.add({text_field(route, "to"), text_field(route, "kind"), text_field(route, "table"), next_hop(route),
               text_field(route, "problem", "")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << (address ? "no route to " + address->to_string() + '\n' : "no routes\n");
  return ExitCode::success;
}

ExitCode run_ports(const Invocation& call) {
  const auto ports = get(call, "/v1/ports");
  if (!ports) return ports.error();
  if (print_json(call, *ports)) return ExitCode::success;
  Table table({{"PORT"},
               {"ROLE"},
               {"LINK"},
               {"SPEED", right},
               {"MTU", right},
               {"MAC"},
               {"RECEIVED", right},
               {"SENT", right},
               {"DROPPED", right},
               {"MISSED", right},
               {"DRIVER"},
               {"DEVICE"},
               {"ADDRESSES"}});
  for (const Json& port : *ports) {
    const auto speed = optional_number(port, "speed_mbps");
    const auto vlan = optional_number(port, "vlan");
    table.add({text_field(port, "name"), text_field(port, "role"), text_field(port, "link"),
               speed ? bit_rate_text(static_cast<double>(*speed) * 1e6) : "-", text_field(port, "mtu"),
               text_field(port, "mac"), text_field(port, "received"), text_field(port, "sent"),
               text_field(port, "dropped"), text_field(port, "device_rx_missed"), text_field(port, "driver"),
               text_field(port, "device") + (vlan ? " vlan " + std::to_string(*vlan) : ""),
               joined(list_field(port, "addresses"))});
  }
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no ports: is the dataplane connected? 'sallyctl status' says\n";
  return ExitCode::success;
}

ExitCode run_neighbours(const Invocation& call) {
  const auto neighbours = get(call, "/v1/neighbours");
  if (!neighbours) return neighbours.error();
  if (print_json(call, *neighbours)) return ExitCode::success;
  Table table({{"ADDRESS"}, {"MAC"}, {"PORT"}, {"STATE"}, {"CONFIRMED"}});
  for (const Json& neighbour : *neighbours)
    table.add({text_field(neighbour, "address"), text_field(neighbour, "mac"), text_field(neighbour, "port"),
               text_field(neighbour, "state"), ago_text(optional_number(neighbour, "confirmed_s_ago"))});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no neighbours\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> network_commands() {
  static constexpr std::array list = {
      Command{
          "routes", "[ADDRESS]", 0, 1, "All routes, or those that an address takes",
          "The inner table decides where packets from tunnels and inside ports go; the underlay table how the tunnels\n"
          "themselves travel.",
          "  sallyctl routes\n  sallyctl routes 10.8.0.2", nullptr, run_routes},
      Command{"ports", "", 0, 0, "Ports with their links, addresses and packets",
              "DROPPED is what the gateway threw away (see 'counters'); MISSED what the NIC lost because nobody took "
              "it in\n"
              "time: give the dataplane more workers, or queues.",
              "  sallyctl ports", nullptr, run_ports},
      Command{"neighbours", "", 0, 0, "What ARP and neighbour discovery know", "", "  sallyctl neighbours", nullptr,
              run_neighbours},
  };
  return list;
}

}  // namespace sallyport::ctl
