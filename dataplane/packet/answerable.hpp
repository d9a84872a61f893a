// Whose packets a router may answer with an error or a reset at all.
#pragma once

#include "config/base/ip.hpp"

namespace sallyport::dataplane {

// RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e), RFC 9293 section 3.9.2.3: not without a sender, and never from,
// to or about a group or broadcast address (nor 240/4, which cannot be told from one).
[[nodiscard]] inline bool may_be_answered(const IpAddress& source, const IpAddress& destination) noexcept {
  const auto is_group = [](const IpAddress& address) {
    return address.is_multicast() || (address.is_v4() && address.bytes[0] >= 224);
  };
  return !source.is_unspecified() && !source.is_loopback() && !is_group(source) && !is_group(destination);
}

}  // namespace sallyport::dataplane
