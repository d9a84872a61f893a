#include "dataplane/io/host_interface.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "config/base/check.hpp"
#include "config/base/hash.hpp"
#include "config/base/log.hpp"
#include "dataplane/io/rtnetlink.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::size_t ethernet_header_bytes = 14;
constexpr std::size_t longest_name = IFNAMSIZ - 1;

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Creates the interface; a descriptor or -errno. IFF_TUN_EXCL: an interface of this name that exists is not ours.
int create_tap(const std::string& name) noexcept {
  const int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  ifreq request{};
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  std::memcpy(request.ifr_name, name.c_str(), std::min(name.size(), longest_name));
  // No offloads: the kernel completes checksums and segments itself.
  if (ioctl(descriptor, TUNSETIFF, &request) == 0 && ioctl(descriptor, TUNSETOFFLOAD, 0) == 0) return descriptor;
  const int error = errno;
  close(descriptor);
  return -error;
}

}  // namespace

std::string host_interface_name(std::string_view port_name) {
  constexpr std::string_view prefix = "sp-";
  const bool plain = !port_name.empty() && std::all_of(port_name.begin(), port_name.end(), is_plain);
  if (plain && prefix.size() + port_name.size() <= longest_name) return std::string(prefix) + std::string(port_name);

  const auto hash = fnv1a<std::uint32_t>(port_name);
  std::string short_name(prefix);
  for (const char c : port_name.substr(0, 5)) short_name += is_plain(c) ? c : '_';
  const std::string digits = hex(0x1000000U | (hash ^ hash >> 24)).substr(3);
  return short_name + '-' + digits.substr(digits.size() - 6);
}

tl::expected<HostInterface, std::string> HostInterface::open(const LogicalPort& port) {
  HostInterface interface;
  interface.name_ = host_interface_name(port.name);
  const auto failed = [&](const std::string& step, int error) {
    return tl::unexpected("[[port]] " + port.name + ": host interface " + interface.name_ + ": " + step + ": " +
                          std::strerror(error));
  };
  interface.descriptor_ = create_tap(interface.name_);
  if (interface.descriptor_ < 0) return failed("create it", -std::exchange(interface.descriptor_, -1));
  const unsigned index = if_nametoindex(interface.name_.c_str());
  if (index == 0) return failed("find it", errno);

  auto netlink = Rtnetlink::open();
  if (!netlink) return tl::unexpected("[[port]] " + port.name + ": " + netlink.error());
  if (const int error = netlink->bring_up(index, port.mac, port.mtu); error != 0) return failed("bring it up", error);
  std::vector<IpPrefix> addresses = port.addresses;
  if (port.link_local) addresses.push_back({*port.link_local, 64});
  for (const IpPrefix& address : addresses)
    if (const int error = netlink->add_address(index, address); error != 0)
      return failed("add " + address.to_string(), error);

  interface.max_frame_bytes_ = ethernet_header_bytes + port.mtu;
  interface.admission_ = HostAdmission(port.host);
  return interface;
}

HostInterface::~HostInterface() {
  if (descriptor_ >= 0) close(descriptor_);  // the kernel removes the interface with its last descriptor
}

HostInterface::HostInterface(HostInterface&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      max_frame_bytes_(other.max_frame_bytes_),
      name_(std::move(other.name_)),
      admission_(other.admission_),
      to_kernel_(other.to_kernel_),
      from_kernel_(other.from_kernel_) {}

HostInterface& HostInterface::operator=(HostInterface&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  max_frame_bytes_ = other.max_frame_bytes_;
  name_ = std::move(other.name_);
  admission_ = other.admission_;
  to_kernel_ = other.to_kernel_;
  from_kernel_ = other.from_kernel_;
  return *this;
}

HostWrite HostInterface::write_frame(std::span<const std::uint8_t> frame, std::uint64_t now_ns) noexcept {
  if (frame.size() < ethernet_header_bytes || frame.size() > max_frame_bytes_) return HostWrite::refused;
  if (!to_kernel_.take(now_ns)) return HostWrite::rate_limited;
  const ssize_t written = write(descriptor_, frame.data(), frame.size());
  return written == static_cast<ssize_t>(frame.size()) ? HostWrite::written : HostWrite::refused;
}

std::size_t HostInterface::read_frame(std::span<std::uint8_t> buffer, std::uint64_t now_ns) noexcept {
  SP_CHECK(buffer.size() >= max_frame_bytes_);  // the kernel would cut the frame without a word
  if (!from_kernel_.would_take(now_ns)) return 0;
  const ssize_t length = read(descriptor_, buffer.data(), buffer.size());
  if (length <= 0) return 0;
  static_cast<void>(from_kernel_.take(now_ns));
  // Someone raised the interface's MTU above the port's: such a frame is not for the wire, and may have been cut.
  return static_cast<std::size_t>(length) <= max_frame_bytes_ ? static_cast<std::size_t>(length) : 0;
}

}  // namespace sallyport::dataplane
