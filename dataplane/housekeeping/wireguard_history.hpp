// The greatest timestamp of a peer's initiations: it outlives sessions and control planes, so that no recorded
// initiation works again. The WireGuard paper, section 5.1.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/abi/wireguard.hpp"

namespace sallyport::dataplane {

// Takes what is greater than what is known.
inline void take_history(abi::HandshakeHistory& known, const abi::Tai64n& timestamp, std::uint64_t set_at_ns) noexcept {
  const abi::Tai64n& greatest = known.greatest_timestamp;
  if (!std::lexicographical_compare(greatest.begin(), greatest.end(), timestamp.begin(), timestamp.end())) return;
  known.greatest_timestamp = timestamp;
  known.set_at_ns = set_at_ns;
}

}  // namespace sallyport::dataplane
