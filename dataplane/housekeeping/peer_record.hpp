// What housekeeping alone knows of a peer and of a session: everything that no worker reads. Workers have Peer,
// OpenSession and SealSession (session/).
#pragma once

#include <cstdint>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/events.hpp"
#include "dataplane/abi/statistics.hpp"
#include "dataplane/forwarding/route_entry.hpp"
#include "dataplane/forwarding/wait_queue.hpp"

namespace sallyport::dataplane {

struct TrafficTotals {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
};

struct PeerRecord {
  bool live = false;
  std::uint64_t sync_id = 0;  // of the last begin_sync after which it was named
  abi::PeerKey key{};
  std::uint16_t tunnel_id = 0;
  std::uint16_t persistent_keepalive_s = 0;
  std::uint32_t routes = 0;  // that lead to it

  // The configured endpoint, and the one in force.
  IpEndpoint configured;
  std::uint32_t endpoint_generation = 0;
  IpEndpoint endpoint;
  IpEndpoint local;  // the address of ours that the peer speaks to; unset: the path chooses
  std::uint64_t endpoint_seen_at_ns = 0;

  // The path that workers use was made for these; see paths.hpp.
  std::uint32_t path_neighbour = no_neighbour;
  std::uint32_t retiring_neighbour = no_neighbour;
  bool path_in_grace = false;
  bool path_outdated = false;
  // Its place among the peers by the endpoint of their path.
  IpEndpoint indexed_remote;
  std::uint32_t previous_in_bucket = abi::no_peer;
  std::uint32_t next_in_bucket = abi::no_peer;
  // What a router said about outer packets to this endpoint, until when; 0: nothing.
  IpEndpoint path_mtu_remote;
  std::uint16_t path_mtu = 0;
  bool in_lowered = false;
  std::uint64_t path_mtu_until_ns = 0;

  // Of rte_rcu_qsbr_start() when the number's last owner went; 0: it had none.
  std::uint64_t freed_token = 0;

  abi::HandshakeHistory history{};

  // Session indices; 0: none.
  std::uint32_t current = 0;
  std::uint32_t previous = 0;
  std::uint32_t next = 0;
  std::uint16_t usual_worker = 0;  // where its packets arrived last
  std::uint64_t latest_handshake_ns = 0;
  std::uint64_t last_received_ns = 0;
  std::uint64_t last_sent_ns = 0;
  TrafficTotals ended;  // of sessions that are gone

  WaitQueue staged;
  std::uint64_t staged_since_ns = 0;
  std::uint64_t wanted_at_ns = 0;  // when session_wanted was raised last

  // Since when the rules of the session are not met; 0: they are.
  std::uint64_t unanswered_received_since_ns = 0;  // data came, nothing was sent
  std::uint64_t unanswered_sent_since_ns = 0;      // data was sent, nothing came
};

enum class SlotState : std::uint8_t { free = 0, next, current, previous, ending };

struct SessionRecord {
  std::uint64_t session_id = 0;
  std::uint64_t created_at_ns = 0;
  std::uint32_t index = 0;
  std::uint32_t remote_index = 0;
  std::uint32_t peer_id = 0;
  SlotState state = SlotState::free;
  abi::HandshakeRole role{};
  abi::SessionRules rules{};
  abi::SessionEnd end_reason{};
  bool rekey_wanted = false;          // the event was raised on this link
  std::uint64_t rx_at_last_scan = 0;  // for the decision to move its ownership
  std::uint32_t handed_over_at_last_scan = 0;
};

}  // namespace sallyport::dataplane
