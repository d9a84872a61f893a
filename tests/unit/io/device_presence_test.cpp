#include "dataplane/io/device_presence.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace sallyport::dataplane::device_presence_test {
namespace {

namespace fs = std::filesystem;
using Missing = std::vector<std::string>;

// A /sys with three PCI devices.
class DevicePresence : public testing::Test {
 protected:
  DevicePresence() {
    std::string pattern = (fs::temp_directory_path() / "sallyport-sys-XXXXXX").string();
    sys_ = mkdtemp(pattern.data());
    bind("0000:3b:00.0", "vfio-pci");
    bind("0000:3b:00.1", "i40e");
    fs::create_directories(sys_ / "bus/pci/devices/0000:3b:00.2");
  }
  ~DevicePresence() override { fs::remove_all(sys_); }

  void bind(const std::string& address, const std::string& driver) {
    fs::create_directories(sys_ / "bus/pci/drivers" / driver);
    fs::create_directories(sys_ / "bus/pci/devices" / address);
    fs::create_symlink(sys_ / "bus/pci/drivers" / driver, sys_ / "bus/pci/devices" / address / "driver");
  }
  [[nodiscard]] Missing missing(std::string_view device) const { return missing_of(device, sys_); }

  fs::path sys_;
};

TEST_F(DevicePresence, SaysWhyAPciDeviceWouldNotComeUp) {
  EXPECT_EQ(missing("3b:00.0"), Missing{});
  EXPECT_EQ(missing("0000:3b:00.1"), Missing{"PCI device 0000:3b:00.1 is bound to i40e: expected vfio-pci "
                                             "(dpdk-devbind.py --bind=vfio-pci 0000:3b:00.1)"});
  EXPECT_EQ(missing("0000:3b:00.2").size(), 1U);  // bound to nothing
  EXPECT_EQ(missing("0000:af:00.0"), Missing{"there is no PCI device 0000:af:00.0"});
  EXPECT_EQ(missing("net_bonding0,mode=4,slave=0000:3b:00.0,slave=0000:af:00.0"),
            Missing{"there is no PCI device 0000:af:00.0"});
}

TEST_F(DevicePresence, SaysWhichInterfaceDoesNotExist) {
  EXPECT_EQ(missing("net_af_packet0,iface=lo,qpairs=2"), Missing{});
  EXPECT_EQ(missing("net_af_packet0,iface=nowhere0,qpairs=2"), Missing{"there is no network interface nowhere0"});
  EXPECT_EQ(missing("net_af_xdp1,iface=nowhere0"), Missing{"there is no network interface nowhere0"});
  EXPECT_EQ(missing("net_tap0,iface=nowhere0"), Missing{});  // it makes that one
  EXPECT_EQ(missing("net_tap0,remote=nowhere0"), Missing{"there is no network interface nowhere0"});
  EXPECT_EQ(missing("net_null0"), Missing{});
}

}  // namespace
}  // namespace sallyport::dataplane::device_presence_test
