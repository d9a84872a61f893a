// Which protocols have ports.
#pragma once

#include <cstdint>

namespace sallyport::policy {

// TCP, UDP and SCTP: of other protocols the ports of a range say nothing.
[[nodiscard]] constexpr bool counts_ports(std::uint16_t protocol) noexcept {
  constexpr std::uint16_t tcp = 6;
  constexpr std::uint16_t udp = 17;
  constexpr std::uint16_t sctp = 132;
  return protocol == tcp || protocol == udp || protocol == sctp;
}

}  // namespace sallyport::policy
