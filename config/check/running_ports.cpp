#include <utility>

#include "config/check/checks.hpp"

namespace sallyport::config {
namespace {

// The draft with these ports instead of its own.
void replace_ports(Draft& draft, const std::vector<Port>& ports) {
  draft.config.ports = ports;
  auto others = std::exchange(draft.interface_addresses, {});
  draft.port_gateways.clear();
  auto& tables = draft.tables[static_cast<std::size_t>(Kind::port)];
  tables.clear();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Owner owner{Kind::port, i};
    const Position at{};  // in no file, or in one that was another
    tables.push_back({nullptr, at});
    for (const IpPrefix& address : ports[i].addresses) draft.interface_addresses.push_back({address, owner, at});
    for (const IpAddress& gateway : ports[i].gateway) draft.port_gateways.push_back({gateway, owner, at});
  }
  // Last, so that a clash is told where these stand.
  for (auto& other : others)
    if (other.owner.kind != Kind::port) draft.interface_addresses.push_back(std::move(other));
}

}  // namespace

void check_beside_running(Draft& draft, const std::vector<Port>& running) {
  if (draft.config.ports == running || !draft.errors.empty()) return;
  const std::vector<Port> as_written = draft.config.ports;
  replace_ports(draft, running);
  // A route behind a port that does not run yet waits for the restart, as the port does. The others lead where they do
  // now.
  ErrorList nobody_asks(*draft.errors.locate({}).file);
  std::swap(draft.errors, nobody_asks);
  check_routes(draft);
  std::swap(draft.errors, nobody_asks);
  std::erase_if(draft.destinations, [&](const Owned<IpPrefix>& destination) {
    return destination.owner.kind == Kind::route && !draft.route_ports[destination.owner.index];
  });
  check_addresses(draft);
  check_destinations(draft);
  draft.config.ports = as_written;
  if (!draft.errors.empty())
    draft.errors.add({},
                     "the ports that run stay until a restart, and are not the ports of this file: what clashes "
                     "with them needs the restart first");
}

}  // namespace sallyport::config
