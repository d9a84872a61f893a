// Events: dataplane -> control plane. An event tells that something happened or is wanted; what is lost because the
// ring was full is raised again while its cause lasts, and the statistics segment always has the state itself.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/event_kind.hpp"
#include "dataplane/abi/flow.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/abi/spsc_ring.hpp"

namespace sallyport::abi {

// Packets are staged for a peer without a usable session, or its persistent keepalive is due.
struct SessionWanted {
  static constexpr EventKind kind = EventKind::session_wanted;
  std::uint32_t peer_id;
};

enum class RekeyReason : std::uint8_t { age = 1, count, no_answer };

// Raised once for a session (the paper, 6.2 and 6.4).
struct RekeyWanted {
  static constexpr EventKind kind = EventKind::rekey_wanted;
  std::uint32_t peer_id;
  std::uint32_t index;
  std::uint64_t session_id;
  RekeyReason reason;
};

// The first authenticated packet of a session that we answered: it is current now.
struct SessionConfirmed {
  static constexpr EventKind kind = EventKind::session_confirmed;
  std::uint32_t peer_id;
  std::uint32_t index;
  std::uint64_t session_id;
};

enum class SessionEnd : std::uint8_t { expired = 1, replaced, retired, peer_removed };

// The slot of this index is free and its keys are wiped.
struct SessionEnded {
  static constexpr EventKind kind = EventKind::session_ended;
  std::uint32_t peer_id;
  std::uint32_t index;
  std::uint64_t session_id;
  SessionEnd reason;
};

struct EndpointMoved {
  static constexpr EventKind kind = EventKind::endpoint_moved;
  std::uint32_t peer_id;
  IpEndpoint endpoint;
};

#define SALLYPORT_REFUSALS(X)                                              \
  X(bad_header, "version, kind or size is unknown")                        \
  X(bad_value, "a field is outside its range")                             \
  X(unknown_tunnel, "the tunnel that it names does not exist")             \
  X(unknown_peer, "the peer that it names does not exist")                 \
  X(slot_in_use, "another live session holds the slot of this index")      \
  X(tunnel_in_use, "the tunnel still has peers")                           \
  X(route_unreachable, "no port's connected prefix contains the next hop") \
  X(no_such_image, "the policy image is neither in force nor being built") \
  X(incomplete_image, "a part of the policy image was refused")            \
  X(table_full, "the table is full")                                       \
  X(conflict, "the address or port is taken by another object")

enum class Refusal : std::uint8_t {
  none = 0,
#define SALLYPORT_ENUM(name, text) name,
  SALLYPORT_REFUSALS(SALLYPORT_ENUM)
#undef SALLYPORT_ENUM
      count,
};

constexpr std::string_view to_string(Refusal refusal) noexcept {
  switch (refusal) {
#define SALLYPORT_CASE(name, text) \
  case Refusal::name:              \
    return text;
    SALLYPORT_REFUSALS(SALLYPORT_CASE)
#undef SALLYPORT_CASE
    case Refusal::none:
    case Refusal::count:
      break;
  }
  return "unknown refusal";
}

struct CommandRefused {
  static constexpr EventKind kind = EventKind::command_refused;
  std::uint64_t sequence;
  CommandKind command_kind;
  Refusal reason;
};

struct LinkChanged {
  static constexpr EventKind kind = EventKind::link_changed;
  std::uint32_t speed_mbps;
  std::uint8_t port_index;
  std::uint8_t up;
};

struct EventHeader {
  std::uint16_t version;
  EventKind kind;
  std::uint32_t payload_bytes;
  std::uint64_t at_ns;  // CLOCK_BOOTTIME
};

inline constexpr std::size_t event_payload_bytes = 176;

struct Event {
  EventHeader header;
  std::array<std::uint8_t, event_payload_bytes> payload;
};
static_assert(sizeof(Event) == 192);

using EventRing = SpscRing<Event, event_ring_slots>;

template <typename Payload>
[[nodiscard]] Event make_event(std::uint64_t at_ns, const Payload& payload) noexcept {
  static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) <= event_payload_bytes);
  Event event{.header = {version, Payload::kind, sizeof(Payload), at_ns}, .payload = {}};
  std::memcpy(event.payload.data(), &payload, sizeof payload);
  return event;
}

template <typename Payload>
[[nodiscard]] bool read_payload(const Event& event, Payload& out) noexcept {
  static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) <= event_payload_bytes);
  if (event.header.version != version || event.header.kind != Payload::kind ||
      event.header.payload_bytes != sizeof(Payload))
    return false;
  std::memcpy(&out, event.payload.data(), sizeof out);
  return true;
}

}  // namespace sallyport::abi
