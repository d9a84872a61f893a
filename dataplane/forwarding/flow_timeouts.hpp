// How long a flow may be silent before it is forgotten, in milliseconds since its last packet.
#pragma once

#include <cstdint>

#include "dataplane/abi/flow.hpp"

namespace sallyport::dataplane {

// RFC 5382 REQ-5: not less than 2 hours and 4 minutes when established, 4 minutes when closing. It asks for 4 minutes
// too while a connection opens; we keep 30 s against floods of SYNs, for a SYN that comes later opens the flow again.
inline constexpr std::uint32_t tcp_opening_timeout_ms = 30'000;
inline constexpr std::uint32_t tcp_established_timeout_ms = 7'440'000;
inline constexpr std::uint32_t tcp_closing_timeout_ms = 240'000;
inline constexpr std::uint32_t tcp_closed_timeout_ms = 10'000;  // for the last ACK and what was on its way
// RFC 4787 REQ-5: not less than 2 minutes once there is an answer.
inline constexpr std::uint32_t udp_unreplied_timeout_ms = 30'000;
inline constexpr std::uint32_t udp_replied_timeout_ms = 180'000;
// RFC 5508 REQ-1 asks for 60 s where identifiers are translated; here the next request only opens the flow again.
inline constexpr std::uint32_t icmp_query_timeout_ms = 30'000;
inline constexpr std::uint32_t other_unreplied_timeout_ms = 60'000;
inline constexpr std::uint32_t other_replied_timeout_ms = 300'000;

[[nodiscard]] constexpr std::uint32_t tcp_timeout_ms(abi::TcpState state) noexcept {
  switch (state) {
    case abi::TcpState::none:
    case abi::TcpState::syn_sent:
    case abi::TcpState::syn_received:
      return tcp_opening_timeout_ms;
    case abi::TcpState::established:
      return tcp_established_timeout_ms;
    case abi::TcpState::closing:
      return tcp_closing_timeout_ms;
    case abi::TcpState::closed:
      return tcp_closed_timeout_ms;
  }
  return tcp_closed_timeout_ms;
}

}  // namespace sallyport::dataplane
