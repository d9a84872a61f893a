#include "dataplane/io/kernel_interface.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace sallyport::dataplane {
namespace {

class Ethtool {
 public:
  explicit Ethtool(const char* interface) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::memcpy(request_.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
  }
  ~Ethtool() {
    if (socket_ >= 0) ::close(socket_);
  }
  Ethtool(const Ethtool&) = delete;
  Ethtool& operator=(const Ethtool&) = delete;

  // 0 or an errno.
  template <typename Payload>
  [[nodiscard]] int ask(Payload& payload) noexcept {
    request_.ifr_data = reinterpret_cast<char*>(&payload);
    return ::ioctl(socket_, SIOCETHTOOL, &request_) == 0 ? 0 : errno;
  }

 private:
  int socket_;
  ifreq request_{};
};

// One of the kernel's flags of an interface: how it is read, how it is written, which bit it is.
int switch_off(Ethtool& ethtool, std::uint32_t get, std::uint32_t set, std::uint32_t bit) noexcept {
  ethtool_value value{.cmd = get, .data = 0};
  if (const int error = ethtool.ask(value); error != 0) return error == EOPNOTSUPP ? 0 : error;
  if ((value.data & bit) == 0) return 0;
  value.cmd = set;
  value.data &= ~bit;
  return ethtool.ask(value);
}

}  // namespace

std::vector<std::string> take_kernel_interface(unsigned interface_index, std::string_view driver) {
  char name[IF_NAMESIZE] = "";
  if (interface_index == 0 || if_indextoname(interface_index, name) == nullptr) return {};
  const std::string interface = name;
  Ethtool ethtool(name);
  std::vector<std::string> remarks;
  const auto off = [&](const char* what, std::uint32_t get, std::uint32_t set, std::uint32_t bit) {
    if (const int error = switch_off(ethtool, get, set, bit); error != 0)
      remarks.push_back(std::string(what) + " of " + interface + " cannot be switched off (" + std::strerror(error) +
                        "): merged frames are lost and TCP crawls; ethtool -K " + interface + ' ' + what + " off");
  };
  off("gro", ETHTOOL_GGRO, ETHTOOL_SGRO, 1);
  off("lro", ETHTOOL_GFLAGS, ETHTOOL_SFLAGS, ETH_FLAG_LRO);

  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (ethtool.ask(info) == 0 && std::strncmp(info.driver, "veth", sizeof info.driver) == 0)
    remarks.push_back("the far end of " + interface +
                      " must compute its checksums itself, or its TCP and UDP is dropped as bad_checksum: there, "
                      "ethtool -K DEVICE tx off tso off gso off");
  if (driver == "net_af_packet")
    remarks.push_back("the kernel puts IPv4 fragments together before " + interface +
                      " sees them, and cuts what is longer than framesz (2048 bytes): IPv4 datagrams larger than that "
                      "are lost; net_af_xdp does not do so");
  return remarks;
}

}  // namespace sallyport::dataplane
