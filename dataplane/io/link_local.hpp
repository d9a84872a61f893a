// The IPv6 link-local address that follows from a MAC: fe80::/64 and the modified EUI-64, RFC 4291, appendix A.
#pragma once

#include "config/base/ip.hpp"
#include "config/config.hpp"

namespace sallyport::dataplane {

[[nodiscard]] inline IpAddress link_local_of(const config::MacAddress& mac) noexcept {
  const std::uint8_t bytes[16] = {
      0xfe,   0x80,   0,    0,    0,      0,      0,     0, static_cast<std::uint8_t>(mac[0] ^ 0x02),
      mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
  return IpAddress::v6_from_bytes(bytes);
}

}  // namespace sallyport::dataplane
