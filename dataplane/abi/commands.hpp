// Commands: control plane -> dataplane. Each slot is one Command: a header and the payload that its kind names.
//
// Order: commands are applied in the order of the ring; `sequence` is 1 for the first of a connection and rises by one.
// StatisticsHeader's applied_sequence tells how far the dataplane has come; a command that it refuses comes back as an
// event. Every command is idempotent: the publisher may send its whole desired state again at any time, between
// begin_sync and end_sync, and what was not named in between is removed at the end.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "config/base/ip.hpp"
#include "dataplane/abi/command_kind.hpp"
#include "dataplane/abi/counters.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/abi/session_rules.hpp"
#include "dataplane/abi/spsc_ring.hpp"
#include "dataplane/abi/wireguard.hpp"

namespace sallyport::abi {

enum class TunnelProtocol : std::uint8_t { wireguard = 1 };

// What tells the peers of a tunnel apart. WireGuard: the peer's public key.
using PeerKey = std::array<std::uint8_t, 32>;

struct BeginSync {
  static constexpr CommandKind kind = CommandKind::begin_sync;
  std::uint64_t sync_id;
};
struct EndSync {
  static constexpr CommandKind kind = CommandKind::end_sync;
  std::uint64_t sync_id;  // of the begin_sync
};

// A tunnel interface: peers that are reached through one UDP port.
struct SetTunnel {
  static constexpr CommandKind kind = CommandKind::set_tunnel;
  std::uint16_t tunnel_id;  // < max_tunnels
  std::uint16_t listen_port;
  std::uint16_t mtu;  // of inner packets
  std::uint8_t mss_clamp;
  std::uint8_t address_count;
  std::array<IpPrefix, max_addresses> addresses;  // of the gateway inside the tunnel
  std::uint8_t udp_checksum;                      // of outer IPv4 packets; 0: none, the field is zero
  TunnelProtocol protocol;
  WireguardTunnel wireguard;
};
static_assert(sizeof(SetTunnel) == 186);

struct RemoveTunnel {  // its peers must be gone
  static constexpr CommandKind kind = CommandKind::remove_tunnel;
  std::uint16_t tunnel_id;
};

// A peer. Setting it again with the same key keeps its sessions, endpoint and counters; with another key it is a new
// peer, unless `former_key` is the one that it has: then it takes the new key and keeps everything but the history of
// handshakes, which is the message's (the new key has a history of its own). `endpoint` is the configured one:
// it is used until data or a handshake says otherwise, and again when `endpoint_generation` changes (a DNS name that
// resolves anew).
struct SetPeer {
  static constexpr CommandKind kind = CommandKind::set_peer;
  std::uint32_t peer_id;  // < max_peers
  std::uint16_t tunnel_id;
  std::uint16_t persistent_keepalive_s;  // 0: off
  PeerKey key;
  PeerKey former_key;   // of the same peer; all zero: none
  IpEndpoint endpoint;  // unset: the peer must come first
  std::uint32_t endpoint_generation;
  HandshakeHistory history;  // WireGuard alone: the dataplane keeps the greater of this and its own
};
static_assert(sizeof(SetPeer) == 120);

struct RemovePeer {  // ends its sessions; its routes must be gone or go with it
  static constexpr CommandKind kind = CommandKind::remove_peer;
  std::uint32_t peer_id;
  PeerKey key;  // a remove that arrives late never hits the next owner of the id
};

enum class RouteKind : std::uint8_t { peer = 1, via = 2, blackhole = 3 };

// A route of the inner table. Connected prefixes of ports and the tunnels' own addresses are the dataplane's business.
struct SetRoute {
  static constexpr CommandKind kind = CommandKind::set_route;
  IpPrefix prefix;  // no host bits
  RouteKind route_kind;
  std::uint8_t reserved;
  std::uint32_t peer_id;  // RouteKind::peer
  IpAddress via;          // RouteKind::via: a neighbour on a port's connected prefix
  std::array<std::uint8_t, 3> reserved2;
};
static_assert(sizeof(SetRoute) == 44);

struct RemoveRoute {
  static constexpr CommandKind kind = CommandKind::remove_route;
  IpPrefix prefix;
};

enum class HandshakeRole : std::uint8_t { initiator = 1, responder = 2 };

// A new session of a peer. As the initiator's it becomes current at once, and the first packet on it is ours; as the
// responder's it is next until the first authenticated packet arrives. Idempotent by (index, session_id): a repeat
// changes nothing.
struct InstallSession {
  static constexpr CommandKind kind = CommandKind::install_session;
  std::uint32_t index;         // what the peer's packets name; its low bits are the slot
  std::uint32_t remote_index;  // what ours name
  std::uint64_t session_id;    // never reused by this control plane or the next
  std::uint32_t peer_id;
  HandshakeRole role;
  std::uint8_t port_index;  // where the handshake came from; no_port: let the route decide
  SessionCipher cipher;
  std::uint8_t reserved;
  std::uint64_t created_at_ns;
  SessionRules rules;
  std::array<std::uint8_t, 32> open_key;
  std::array<std::uint8_t, 32> seal_key;
  IpEndpoint endpoint;                // where the handshake came from
  IpEndpoint local;                   // the address that it came to
  std::uint64_t endpoint_seen_at_ns;  // 0: the handshake may be a replay; taken only while no endpoint is known
  WireguardSession wireguard;
};
static_assert(sizeof(InstallSession) == 200);

struct RetireSession {
  static constexpr CommandKind kind = CommandKind::retire_session;
  std::uint32_t index;
  std::uint32_t reserved;
  std::uint64_t session_id;
};

// The secrets behind cookies (the paper, 5.4.7), changed every two minutes; the one before stays valid.
struct SetCookieSecrets {
  static constexpr CommandKind kind = CommandKind::set_cookie_secrets;
  std::array<std::uint8_t, 32> current;
  std::array<std::uint8_t, 32> previous;
};

struct ForgetTimestamp {
  static constexpr CommandKind kind = CommandKind::forget_timestamp;
  std::uint32_t peer_id;
};

// Where a capture looks. Bits of SetCapture::points.
enum class CapturePoint : std::uint8_t {
  outer_received = 1,
  inner_received = 2,  // decrypted, or plain from an inside port
  inner_sent = 4,      // about to be encrypted, or plain to an inside port
  outer_sent = 8,
  dropped = 16,
};

struct SetCapture {
  static constexpr CommandKind kind = CommandKind::set_capture;
  std::uint32_t capture_id;   // 0: off
  std::uint32_t peer_id;      // no_peer: any
  std::uint32_t max_packets;  // the capture ends by itself
  std::uint16_t snap_bytes;   // <= capture_snap_bytes
  std::uint8_t points;
  std::uint8_t port_index;  // no_port: any
  std::uint8_t any_drop_reason;
  DropReason drop_reason;  // if not any
  std::uint16_t reserved;
};

struct CommandHeader {
  std::uint16_t version;
  CommandKind kind;
  std::uint32_t payload_bytes;
  std::uint64_t sequence;
};

inline constexpr std::size_t command_payload_bytes = 240;

struct Command {
  CommandHeader header;
  std::array<std::uint8_t, command_payload_bytes> payload;
};
static_assert(sizeof(Command) == 256);

using CommandRing = SpscRing<Command, command_ring_slots>;

template <typename Payload>
[[nodiscard]] Command make_command(std::uint64_t sequence, const Payload& payload) noexcept {
  static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) <= command_payload_bytes);
  Command command{.header = {version, Payload::kind, sizeof(Payload), sequence}, .payload = {}};
  std::memcpy(command.payload.data(), &payload, sizeof payload);
  return command;
}

// The payload's bytes if the header fits the type. Values inside are not checked: see validate.hpp.
template <typename Payload>
[[nodiscard]] bool read_payload(const Command& command, Payload& out) noexcept {
  static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) <= command_payload_bytes);
  if (command.header.version != version || command.header.kind != Payload::kind ||
      command.header.payload_bytes != sizeof(Payload))
    return false;
  std::memcpy(&out, command.payload.data(), sizeof out);
  return true;
}

}  // namespace sallyport::abi
