#include "dataplane/io/port_table.hpp"

#include <algorithm>

#include "dataplane/io/device_name.hpp"
#include "dataplane/io/link_local.hpp"

namespace sallyport::dataplane {

bool LogicalPort::has_ipv6() const noexcept {
  return std::any_of(addresses.begin(), addresses.end(), [](const IpPrefix& prefix) { return prefix.address.is_v6(); });
}

tl::expected<PortTable, std::string> PortTable::build(std::span<const config::Port> ports) {
  if (ports.size() > max_ports)
    return tl::unexpected(std::to_string(ports.size()) + " ports, at most " + std::to_string(max_ports) +
                          " are possible");
  PortTable table;
  std::vector<std::string> names;
  for (const config::Port& port : ports) {
    const std::string name = DeviceName::parse(port.device).name;
    const auto known = std::find(names.begin(), names.end(), name);
    const auto device = static_cast<std::uint8_t>(known - names.begin());
    if (known == names.end()) {
      names.push_back(name);
      table.devices_.push_back({.device = port.device});
    }
    const std::uint16_t vlan = port.vlan.value_or(0);
    const auto index = static_cast<std::uint8_t>(table.ports_.size());
    if (vlan >= vlans) return tl::unexpected("[[port]] " + port.name + ": there is no VLAN " + std::to_string(vlan));
    std::uint8_t& slot = table.by_vlan_[device * vlans + vlan];
    if (slot != no_port)
      return tl::unexpected("[[port]] " + port.name + ": " +
                            (vlan == 0 ? "untagged traffic" : "VLAN " + std::to_string(vlan)) + " of " + name +
                            " belongs to port " + table.ports_[slot].name + " already");
    slot = index;

    DeviceEntry& entry = table.devices_[device];
    entry.rx_queues = std::max(entry.rx_queues, port.rx_queues);
    entry.mtu = std::max(entry.mtu, port.mtu);
    entry.has_vlans = entry.has_vlans || vlan != 0;
    entry.ports.push_back(index);
    table.ports_.push_back({.index = index,
                            .device = device,
                            .vlan = vlan,
                            .mtu = port.mtu,
                            .role = port.role,
                            .mac = port.mac.value_or(config::MacAddress{}),
                            .mac_is_configured = port.mac.has_value(),
                            .name = port.name,
                            .addresses = port.addresses,
                            .link_local = {},
                            .gateways = port.gateway,
                            .host = port.host,
                            .strict_reverse_path = port.rpf == config::ReversePath::strict});
  }
  return table;
}

void PortTable::set_device_mac(std::uint8_t device, const config::MacAddress& mac) {
  for (LogicalPort& port : ports_) {
    if (port.device != device) continue;
    if (!port.mac_is_configured) port.mac = mac;
    if (port.has_ipv6()) port.link_local = link_local_of(port.mac);
  }
}

std::vector<config::MacAddress> PortTable::configured_macs(std::uint8_t device) const {
  std::vector<config::MacAddress> macs;
  for (const LogicalPort& port : ports_)
    if (port.device == device && port.mac_is_configured && std::find(macs.begin(), macs.end(), port.mac) == macs.end())
      macs.push_back(port.mac);
  return macs;
}

std::vector<IpAddress> PortTable::ipv6_addresses(std::uint8_t device) const {
  std::vector<IpAddress> addresses;
  for (const LogicalPort& port : ports_) {
    if (port.device != device) continue;
    for (const IpPrefix& prefix : port.addresses)
      if (prefix.address.is_v6()) addresses.push_back(prefix.address);
  }
  return addresses;
}

}  // namespace sallyport::dataplane
