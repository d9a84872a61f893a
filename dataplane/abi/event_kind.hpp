// Every event that the dataplane may tell, once; the payloads are in events.hpp and flow.hpp. The fuzz target follows
// from this list.
#pragma once

#include <cstdint>

namespace sallyport::abi {

// X(number, kind, Payload)
#define SALLYPORT_EVENTS(X)                 \
  X(1, session_wanted, SessionWanted)       \
  X(2, rekey_wanted, RekeyWanted)           \
  X(3, session_confirmed, SessionConfirmed) \
  X(4, session_ended, SessionEnded)         \
  X(5, endpoint_moved, EndpointMoved)       \
  X(6, command_refused, CommandRefused)     \
  X(7, link_changed, LinkChanged)           \
  X(8, flow_denied, FlowDenied)             \
  X(9, flow_allowed, FlowAllowed)           \
  X(10, flow_ended, FlowEnded)              \
  X(11, flow_shown, FlowShown)              \
  X(12, flow_listing_ended, FlowListingEnded)

enum class EventKind : std::uint16_t {
#define SALLYPORT_ENUM(number, kind, Payload) kind = number,
  SALLYPORT_EVENTS(SALLYPORT_ENUM)
#undef SALLYPORT_ENUM
};

}  // namespace sallyport::abi
