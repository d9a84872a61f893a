// Ports, routes, WireGuard interfaces and address pools.
#include "config/limits.hpp"
#include "config/read/draft.hpp"
#include "config/read/network_scalars.hpp"

namespace sallyport::config {
namespace {

std::vector<IpPrefix> read_interface_addresses(Draft& draft, TableReader& reader, Owner owner) {
  const auto addresses = reader.require_list("addresses", {1, limits::interface_addresses}, parse_interface_address);
  for (const auto& address : addresses) draft.interface_addresses.push_back({address.value, owner, address.at});
  return values_of(addresses);
}

// RFC 8200, section 5: a link that carries IPv6 has an MTU of 1280 at least.
void read_mtu(TableReader& reader, std::uint16_t& mtu, const std::vector<IpPrefix>& addresses) {
  bool has_v6 = false;
  for (const IpPrefix& address : addresses) has_v6 = has_v6 || address.address.is_v6();
  reader.read("mtu", mtu, integer_in(has_v6 ? limits::mtu_lowest_v6 : limits::mtu_lowest_v4, limits::mtu_highest));
}

}  // namespace

void read_port(Draft& draft, TableReader reader) {
  const Owner owner{Kind::port, draft.config.ports.size()};
  Port& port = draft.config.ports.emplace_back();
  port.location = reader.location();
  reader.require("name", port.name, parse_name);
  reader.require("device", port.device, parse_text);
  reader.read("vlan", port.vlan, integer_in<std::uint16_t>(1, limits::vlan_highest));
  if (!reader.require("role", port.role, parse_word<PortRole>)) draft.all_roles_known = false;
  port.addresses = read_interface_addresses(draft, reader, owner);
  for (const auto& gateway : reader.read_list("gateway", {0, 2}, parse_address)) {
    port.gateway.push_back(gateway.value);
    draft.port_gateways.push_back({gateway.value, owner, gateway.at});
  }
  reader.read("gateway_onlink", port.gateway_onlink, parse_boolean);
  read_mtu(reader, port.mtu, port.addresses);
  reader.read("rx_queues", port.rx_queues, integer_in<std::uint16_t>(1, limits::rx_queues));
  for (const auto& service : reader.read_list("host", {0, limits::host_services}, parse_host_service)) {
    for (const HostService& before : port.host)
      if (before == service.value)
        reader.add_error("host", service.at, service.value.to_string() + " stands here twice");
    port.host.push_back(service.value);
  }
  reader.read("mac", port.mac, parse_mac);
  reader.read("rpf", port.rpf, parse_word<ReversePath>);
}

void read_route(Draft& draft, TableReader reader) {
  const Owner owner{Kind::route, draft.config.routes.size()};
  Route& route = draft.config.routes.emplace_back();
  route.location = reader.location();
  if (reader.require("to", route.to, parse_prefix))
    draft.destinations.push_back({route.to, owner, reader.position_of("to")});
  reader.require("via", route.via, parse_address);
}

void read_wireguard(Draft& draft, TableReader reader) {
  const Owner owner{Kind::wireguard, draft.config.wireguards.size()};
  Wireguard& wireguard = draft.config.wireguards.emplace_back();
  wireguard.location = reader.location();
  reader.require("name", wireguard.name, parse_name);
  reader.require("listen_port", wireguard.listen_port, integer_in<std::uint16_t>(1, 65535));
  reader.require("private_key_file", wireguard.private_key_file,
                 [&](const TomlValue& value) { return parse_secret_file(draft.paths, value); });
  wireguard.addresses = read_interface_addresses(draft, reader, owner);
  read_mtu(reader, wireguard.mtu, wireguard.addresses);
  reader.read("mss_clamp", wireguard.mss_clamp, parse_boolean);
  reader.read("udp_checksum", wireguard.udp_checksum, parse_word<UdpChecksum>);
}

void read_pool(Draft& draft, TableReader reader) {
  const Owner owner{Kind::pool, draft.config.pools.size()};
  Pool& pool = draft.config.pools.emplace_back();
  pool.location = reader.location();
  reader.require("name", pool.name, parse_name);
  reader.must_have("prefixes");
  pool.prefixes = read_destinations(draft, reader, "prefixes", {1, limits::pool_prefixes}, owner);
}

}  // namespace sallyport::config
