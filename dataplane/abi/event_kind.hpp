// Every event that the dataplane may tell; the payloads are in events.hpp and flow.hpp.
#pragma once

#include <cstdint>

namespace sallyport::abi {

enum class EventKind : std::uint16_t {
  session_wanted = 1,
  rekey_wanted,
  session_confirmed,
  session_ended,
  endpoint_moved,
  command_refused,
  link_changed,
  flow_denied,
  flow_allowed,
  flow_ended,
  flow_shown,
  flow_listing_ended,
};

}  // namespace sallyport::abi
