// The little of rtnetlink(7) that a host interface needs: bring a link up with an MTU and a MAC, and give it addresses.
// Blocking, at start only.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "config/base/ip.hpp"
#include "config/config.hpp"

namespace sallyport::dataplane {

class Rtnetlink {
 public:
  [[nodiscard]] static tl::expected<Rtnetlink, std::string> open();
  ~Rtnetlink();
  Rtnetlink(Rtnetlink&& other) noexcept;
  Rtnetlink& operator=(Rtnetlink&&) = delete;

  // Sets MAC and MTU, takes away the kernel's own choice of IPv6 addresses, and then brings the link up.
  // 0 or an errno.
  [[nodiscard]] int bring_up(unsigned interface_index, const config::MacAddress& mac, std::uint16_t mtu);
  // With its connected route, and for IPv6 without duplicate address detection: the dataplane answers for the address.
  [[nodiscard]] int add_address(unsigned interface_index, const IpPrefix& prefix);

 private:
  explicit Rtnetlink(int socket) : socket_(socket) {}
  [[nodiscard]] int request(void* message, std::uint32_t length);

  int socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace sallyport::dataplane
