// The logical ports: what the operator calls a [[port]] is a device, or one VLAN of a device. Built from the
// configuration, completed with the MACs once the devices are open, then read-only for everyone.
//
//   device 0  net_af_packet0 --- vlan 0   -> port 0 "wan"
//   device 1  0000:3b:00.1   -+- vlan 12  -> port 1 "lan"
//                             +- vlan 13  -> port 2 "dmz"
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/base/ip.hpp"
#include "config/config.hpp"
#include "config/limits.hpp"

namespace sallyport::dataplane {

inline constexpr std::size_t max_ports = config::limits::ports;
inline constexpr std::uint8_t no_port = 0xff;

struct LogicalPort {
  std::uint8_t index = no_port;  // as in the configuration's order
  std::uint8_t device = 0;       // index into PortTable::devices()
  std::uint16_t vlan = 0;        // 0: untagged
  std::uint16_t mtu = 1500;
  config::PortRole role = config::PortRole::inside;
  config::MacAddress mac{};
  bool mac_is_configured = false;
  std::string name;
  std::vector<IpPrefix> addresses;
  std::optional<IpAddress> link_local;  // derived from the MAC if IPv6 is configured
  std::vector<IpAddress> gateways;
  std::vector<config::HostService> host;
  bool strict_reverse_path = true;  // of an inside port: [[port]] rpf

  [[nodiscard]] bool has_ipv6() const noexcept;
};

struct DeviceEntry {
  std::string device;  // as in the configuration, arguments included
  std::uint16_t rx_queues = 1;
  std::uint16_t mtu = 0;  // the largest of its ports
  bool has_vlans = false;
  std::vector<std::uint8_t> ports;  // indices of its logical ports
};

class PortTable {
 public:
  // Errors: more ports than 16, two ports for one VLAN of one device.
  [[nodiscard]] static tl::expected<PortTable, std::string> build(std::span<const config::Port> ports);

  [[nodiscard]] std::span<const LogicalPort> ports() const noexcept { return ports_; }
  [[nodiscard]] std::span<const DeviceEntry> devices() const noexcept { return devices_; }
  [[nodiscard]] const LogicalPort& port(std::uint8_t index) const noexcept { return ports_[index]; }

  // no_port: nobody has this VLAN. One load; for any values.
  [[nodiscard]] std::uint8_t find(std::uint8_t device, std::uint16_t vlan) const noexcept {
    return device < max_ports && vlan < vlans ? by_vlan_[device * vlans + vlan] : no_port;
  }

  // When the device is open: its ports without a configured MAC take the device's, and all get their link-local
  // address.
  void set_device_mac(std::uint8_t device, const config::MacAddress& mac);

  // The MACs and IPv6 addresses of a device's ports, for DeviceRequest.
  [[nodiscard]] std::vector<config::MacAddress> configured_macs(std::uint8_t device) const;
  [[nodiscard]] std::vector<IpAddress> ipv6_addresses(std::uint8_t device) const;

 private:
  static constexpr std::size_t vlans = 4096;

  std::vector<LogicalPort> ports_;
  std::vector<DeviceEntry> devices_;
  std::vector<std::uint8_t> by_vlan_ = std::vector<std::uint8_t>(max_ports * vlans, no_port);  // [device][vlan]
};

}  // namespace sallyport::dataplane
