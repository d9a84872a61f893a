#include "dataplane/io/device_presence.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>

#include "dataplane/io/device_name.hpp"

namespace sallyport::dataplane {
namespace {

// Those that hand a device to a process, and those of the kernel that DPDK works beside.
constexpr std::array<std::string_view, 6> fitting_drivers = {"vfio-pci",  "uio_pci_generic", "igb_uio",
                                                             "mlx4_core", "mlx5_core",       "mana"};

void check_pci(const std::string& address, const std::filesystem::path& sys, std::vector<std::string>& missing) {
  const std::filesystem::path device = sys / "bus/pci/devices" / address;
  std::error_code error;
  if (!std::filesystem::exists(device, error)) {
    missing.push_back("there is no PCI device " + address);
    return;
  }
  const auto driver = std::filesystem::read_symlink(device / "driver", error).filename().string();
  if (std::find(fitting_drivers.begin(), fitting_drivers.end(), driver) == fitting_drivers.end())
    missing.push_back("PCI device " + address + " is bound to " + (driver.empty() ? "no driver" : driver) +
                      ": expected vfio-pci (dpdk-devbind.py --bind=vfio-pci " + address + ")");
}

// Drivers that need no PCI device, as DPDK calls them.
constexpr std::array<std::string_view, 15> virtual_drivers = {
    "net_af_packet", "net_af_xdp", "net_bonding",     "net_failsafe", "net_memif",
    "net_null",      "net_pcap",   "net_ring",        "net_softnic",  "net_tap",
    "net_tun",       "net_vhost",  "net_virtio_user", "virtio_user",  "net_vdev_netvsc"};

// Which argument of a driver names an interface that must exist. That of net_tap names the one that it makes.
bool names_an_interface(std::string_view driver, std::string_view key) {
  if (driver == "net_af_packet" || driver == "net_af_xdp") return key == "iface";
  if (driver == "net_pcap") return key == "iface" || key == "rx_iface" || key == "rx_iface_in" || key == "tx_iface";
  return driver == "net_tap" && key == "remote";
}

}  // namespace

std::vector<std::string> missing_of(std::string_view device, const std::filesystem::path& sys) {
  std::vector<std::string> missing;
  const DeviceName name = DeviceName::parse(device);
  if (name.is_pci) {
    check_pci(name.name, sys, missing);
  } else if (std::find(virtual_drivers.begin(), virtual_drivers.end(), name.driver()) == virtual_drivers.end()) {
    missing.push_back("DPDK has no driver " + std::string(name.driver()) + " that is known to work here");
  }
  for (const std::string& slave : name.pci_slaves) check_pci(slave, sys, missing);
  for (std::string_view rest = name.arguments; !rest.empty();) {
    const std::string_view argument = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), argument.size() + 1));
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos || !names_an_interface(name.driver(), argument.substr(0, equals))) continue;
    const std::string interface(argument.substr(equals + 1));
    if (if_nametoindex(interface.c_str()) == 0) missing.push_back("there is no network interface " + interface);
  }
  return missing;
}

}  // namespace sallyport::dataplane
