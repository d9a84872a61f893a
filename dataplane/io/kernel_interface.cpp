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
#include <vector>

namespace sallyport::dataplane {
namespace {

constexpr std::uint32_t most_features = 256;

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
    const int result = ::ioctl(socket_, SIOCETHTOOL, &request_);
    return result == 0 ? 0 : result < 0 ? errno : EOPNOTSUPP;  // above 0: what was wanted was not done
  }

 private:
  int socket_;
  ifreq request_{};
};

// A request of the kernel's that ends with an array of `bytes`, all zero.
template <typename Head>
class Request {
 public:
  Request(std::uint32_t command, std::size_t bytes) : words_((sizeof(Head) + bytes + 7) / 8) { head().cmd = command; }
  [[nodiscard]] Head& head() noexcept { return *reinterpret_cast<Head*>(words_.data()); }

 private:
  std::vector<std::uint64_t> words_;
};

// By its name among the features of the interface. 0, also if there is no such feature, or an errno.
int switch_off(Ethtool& ethtool, std::string_view name) {
  Request<ethtool_sset_info> set(ETHTOOL_GSSET_INFO, sizeof(std::uint32_t));
  set.head().sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
  const auto failed = [](int error) { return error == EOPNOTSUPP ? 0 : error; };
  if (const int error = ethtool.ask(set.head()); error != 0) return failed(error);
  if (set.head().sset_mask == 0) return 0;
  const std::uint32_t count = set.head().data[0];
  if (count == 0 || count > most_features) return 0;
  Request<ethtool_gstrings> strings(ETHTOOL_GSTRINGS, std::size_t{count} * ETH_GSTRING_LEN);
  strings.head().string_set = ETH_SS_FEATURES;
  strings.head().len = count;
  if (const int error = ethtool.ask(strings.head()); error != 0) return failed(error);
  const auto* const names = reinterpret_cast<const char*>(strings.head().data);
  std::uint32_t index = 0;
  const auto is_it = [&](const char* one) { return name == std::string_view(one, strnlen(one, ETH_GSTRING_LEN)); };
  while (index < count && !is_it(names + std::size_t{index} * ETH_GSTRING_LEN)) ++index;
  if (index == count) return 0;
  const std::uint32_t blocks = (count + 31) / 32, block = index / 32, bit = std::uint32_t{1} << index % 32;
  Request<ethtool_gfeatures> present(ETHTOOL_GFEATURES, blocks * sizeof(ethtool_get_features_block));
  present.head().size = blocks;
  if (const int error = ethtool.ask(present.head()); error != 0) return failed(error);
  if ((present.head().features[block].active & bit) == 0) return 0;
  Request<ethtool_sfeatures> wanted(ETHTOOL_SFEATURES, blocks * sizeof(ethtool_set_features_block));
  wanted.head().size = blocks;
  wanted.head().features[block].valid = bit;
  return ethtool.ask(wanted.head());
}

}  // namespace

std::vector<std::string> take_kernel_interface(unsigned interface_index, std::string_view driver) {
  char name[IF_NAMESIZE] = "";
  if (interface_index == 0 || if_indextoname(interface_index, name) == nullptr) return {};
  const std::string interface = name;
  Ethtool ethtool(name);
  std::vector<std::string> remarks;
  const auto off = [&](const char* feature) {
    if (const int error = switch_off(ethtool, feature); error != 0)
      remarks.push_back(std::string(feature) + " of " + interface + " cannot be switched off (" + std::strerror(error) +
                        "): merged frames are lost and TCP crawls; ethtool -K " + interface + ' ' + feature + " off");
  };
  off("rx-gro");
  off("rx-lro");
  off("rx-gro-hw");

  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (ethtool.ask(info) == 0 && std::strncmp(info.driver, "veth", sizeof info.driver) == 0)
    remarks.push_back("the far end of " + interface +
                      " must compute its checksums itself, or its TCP and UDP is dropped as bad_checksum: there, "
                      "ethtool -K DEVICE tx off tso off gso off");
  if (driver == "net_af_packet")
    remarks.push_back("the kernel puts IPv4 fragments together before " + interface +
                      " sees them, and cuts what is longer than framesz (2048 bytes unless `device` says another): "
                      "IPv4 datagrams larger than that "
                      "are lost; net_af_xdp does not do so");
  return remarks;
}

}  // namespace sallyport::dataplane
