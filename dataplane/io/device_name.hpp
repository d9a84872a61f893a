// The device string of a [[port]], taken apart: "0000:3b:00.0", "net_af_packet0,iface=wan0,qpairs=2" or
// "net_bonding0,mode=4,slave=0000:3b:00.0,slave=0000:3b:00.1". Pure text: no DPDK, no look at the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::dataplane {

struct DeviceName {
  std::string name;       // what DPDK calls the device: the PCI address in full and lower case, or the vdev
  std::string arguments;  // what follows the first comma
  bool is_pci = false;
  std::vector<std::string> pci_slaves;  // PCI devices named by slave= or member= of a bond, in full and lower case
  std::uint16_t slaves = 0;             // all slaves of a bond, PCI or not
  std::uint16_t queue_pairs = 1;        // what qpairs=, queue_count=, queues= or repeated rx_pcap= ask for, at most 64

  static DeviceName parse(std::string_view device);
  // As EAL's --vdev or --allow takes it.
  [[nodiscard]] std::string to_string() const { return arguments.empty() ? name : name + ',' + arguments; }
  // The vdev's driver: "net_af_packet" of "net_af_packet0".
  [[nodiscard]] std::string_view driver() const;
};

// "3b:00.0" and "0000:3B:00.0" are both "0000:3b:00.0"; nullopt: this is no PCI address.
[[nodiscard]] std::optional<std::string> canonical_pci_address(std::string_view text);

}  // namespace sallyport::dataplane
