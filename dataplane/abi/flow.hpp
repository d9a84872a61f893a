// Flows as the control plane hears of them: events about what was denied, what ended, and what a listing shows.
#pragma once

#include <array>
#include <cstdint>

#include "config/base/ip.hpp"
#include "dataplane/abi/event_kind.hpp"
#include "dataplane/abi/limits.hpp"

namespace sallyport::abi {

enum class TcpState : std::uint8_t { none = 0, syn_sent, syn_received, established, closing, closed };

enum class FlowEnd : std::uint8_t {
  none = 0,
  timeout,
  closed,   // FIN both ways, or RST
  revoked,  // decided anew, and no longer allowed
  peer_removed,
  denied,             // it never was: the flow is a denied packet
  endpoint_draining,  // as denied: the destination takes no new flows
};

// One flow, seen from the side that opened it. Ports are those of TCP, UDP and SCTP; of ICMP echo both are the
// identifier, of other ICMP messages `destination_port` is type << 8 | code.
struct FlowRecord {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol;
  TcpState tcp_state;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint32_t source_peer;       // no_peer: an inside port
  std::uint32_t destination_peer;  // no_peer: an inside port
  std::uint32_t session_index;     // through which the first packet came; 0: none
  std::uint32_t rule;              // that decided; 0: no rule
  std::uint32_t audit_rule;        // that would have denied; 0: none
  std::uint32_t generation;        // of the policy that decided last
  std::uint8_t allowed;
  FlowEnd end;
  std::uint8_t inside_port;  // logical port of the inside end; no_port: none
  std::uint8_t reserved;
  std::uint32_t reserved2;
  std::uint64_t started_at_ns;  // CLOCK_BOOTTIME
  std::uint64_t last_seen_at_ns;
  // [0]: from the side that opened it, [1]: back. Inner bytes.
  std::array<std::uint64_t, 2> packets;
  std::array<std::uint64_t, 2> bytes;
};
static_assert(sizeof(FlowRecord) == 120);

// A packet was denied. Once for a flow and minute, as long as its cause lasts; `suppressed` were not told in between.
struct FlowDenied {
  static constexpr EventKind kind = EventKind::flow_denied;
  FlowRecord flow;
  std::uint64_t suppressed;
};
// A flow of a rule with log = "all" began.
struct FlowAllowed {
  static constexpr EventKind kind = EventKind::flow_allowed;
  FlowRecord flow;
};
// Only while flows are recorded.
struct FlowEnded {
  static constexpr EventKind kind = EventKind::flow_ended;
  FlowRecord flow;
};
struct FlowShown {
  static constexpr EventKind kind = EventKind::flow_shown;
  FlowRecord flow;
  std::uint32_t listing;
  std::uint32_t reserved;
};
struct FlowListingEnded {
  static constexpr EventKind kind = EventKind::flow_listing_ended;
  std::uint32_t listing;
  std::uint32_t cut;  // 1: there are more than were asked for
};

}  // namespace sallyport::abi
