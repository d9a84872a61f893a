// What routers on the underlay say about the size of our outer packets: ICMP "fragmentation needed" (RFC 1191) and
// ICMPv6 "packet too big" (RFC 8201) lower the MTU of the path that they are about, for ten minutes.
//
// Anybody can send such a message, so it must quote what only somebody on the path has seen: a data message from us to
// the present endpoint of a peer, with the receiver index of a live session and a counter that was used. Else it is
// dropped as `path_mtu_refused`.
#pragma once

#include <cstdint>

#include "config/base/log.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/packet/icmp_quote.hpp"

namespace sallyport::dataplane {

class PathMtu {
 public:
  PathMtu(HousekeepingContext& context, const GatewayState& state, Paths& paths)
      : context_(context), state_(state), paths_(paths) {}

  // `frame` came to one of our own addresses (Task::own_address). True: it was such a message and is finished. False:
  // it is something else and still the caller's.
  [[nodiscard]] bool take(Packet* frame) noexcept;

 private:
  // How many peers of one endpoint are looked at.
  static constexpr unsigned most_peers = 16;
  // A counter is believed if it is among the last so many that the session used.
  static constexpr std::uint64_t counters_back = 1U << 20;

  [[nodiscard]] bool lower(const IcmpQuote& quote, std::uint32_t reported) noexcept;
  [[nodiscard]] bool quotes_session_of(const PeerRecord& peer, const IcmpQuote& quote) const noexcept;

  HousekeepingContext& context_;
  const GatewayState& state_;
  Paths& paths_;
  LogLimiter log_{4, 10 * second_ns};
};

}  // namespace sallyport::dataplane
