#include "dataplane/io/kernel_link.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace sallyport::dataplane {
namespace {

bool is_gone(int error) {
  return error == ENODEV || error == ENXIO;
}

}  // namespace

KernelLinks::KernelLinks() noexcept : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

KernelLinks::~KernelLinks() {
  if (socket_ >= 0) close(socket_);
}

bool KernelLinks::is_up(unsigned interface_index) const noexcept {
  if (socket_ < 0) return true;
  // The name may have changed since.
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(interface_index);
  if (ioctl(socket_, SIOCGIFNAME, &request) != 0 || ioctl(socket_, SIOCGIFFLAGS, &request) != 0) return !is_gone(errno);
  constexpr int wanted = IFF_UP | IFF_RUNNING;
  return (request.ifr_flags & wanted) == wanted;
}

}  // namespace sallyport::dataplane
