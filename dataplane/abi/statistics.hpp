// The statistics segment: written by the dataplane, mapped read-only by the control plane (F_SEAL_FUTURE_WRITE), which
// reads counters from it and, when it returns after a crash, adopts the peers and sessions that it finds.
//
//   StatisticsHeader | CounterBlock[1 + workers] | WorkerStatus[1 + workers] | PortStatus[max_ports]
//   | NeighbourStatus[max_neighbours_shown] | PeerStatus[max_peers] | SessionStatus[max_sessions]
//   | RuleCounters[workers * max_rules]
//
// Peer and session records are written by housekeeping alone, under a sequence lock, at most 250 ms late.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/counters.hpp"
#include "dataplane/abi/limits.hpp"

namespace sallyport::abi {

// A value of its own, which says nothing about others.
[[nodiscard]] inline std::uint64_t relaxed(const std::atomic<std::uint64_t>& value) noexcept {
  return value.load(std::memory_order_relaxed);
}

// A record with one writer and readers that retry. The copy is byte for byte; a torn one is thrown away.
template <typename Value>
class SequenceLocked {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  void write(const Value& value) noexcept {
    const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);  // odd: readers keep off
    std::atomic_thread_fence(std::memory_order_release);       // the odd mark is seen before any new byte
    std::memcpy(&value_, &value, sizeof value);
    sequence_.store(sequence + 2, std::memory_order_release);  // all bytes are seen before the even mark
  }
  // False if the writer kept interfering (it died in the middle, or the reader was unlucky `tries` times).
  [[nodiscard]] bool read(Value& out, unsigned tries = 64) const noexcept {
    while (tries-- > 0) {
      const std::uint32_t before = sequence_.load(std::memory_order_acquire);
      if ((before & 1) != 0) continue;
      std::memcpy(&out, &value_, sizeof out);
      std::atomic_thread_fence(std::memory_order_acquire);  // the bytes are read before the mark is read again
      if (sequence_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

 private:
  std::atomic<std::uint32_t> sequence_;
  std::uint32_t reserved_;
  Value value_;
};

// What commands made and still stands, for the control plane to compare with what it asked for. Housekeeping writes it
// with the totals, once a second; a reader that waits for an updated_at_ns after its last applied command sees all of
// it.
struct Holdings {
  std::atomic<std::uint64_t> tunnels;
  std::atomic<std::uint64_t> tunnels_digest;  // the sum of digest_of() each (digest.hpp)
  std::atomic<std::uint64_t> routes;          // unlike live_routes without those of ports and tunnels
  std::atomic<std::uint64_t> routes_digest;
  // Of the image in force. Its rules and services never change: its number stands for them.
  std::atomic<std::uint64_t> source_classes;
  std::atomic<std::uint64_t> destination_classes;
  std::atomic<std::uint64_t> addresses;
  std::atomic<std::uint64_t> peers_with_access;
};

struct StatisticsHeader {
  std::uint64_t magic;
  std::uint32_t abi_version;
  std::uint32_t max_peers;
  std::uint32_t max_sessions;  // a power of two: a session's slot is index & (max_sessions - 1)
  std::uint32_t worker_count;
  std::uint32_t port_count;
  std::uint32_t reserved;
  std::uint64_t boot_id;  // random, new at each start of the dataplane
  std::uint64_t started_at_ns;
  // Housekeeping writes, the control plane reads: release/acquire, so that what the command changed is visible.
  std::atomic<std::uint64_t> applied_sequence;
  std::atomic<std::uint64_t> updated_at_ns;  // rises at least every second while housekeeping lives
  std::atomic<std::uint64_t> buffers_total;
  std::atomic<std::uint64_t> buffers_in_use;
  std::atomic<std::uint64_t> packets_held;  // staged, waiting for a neighbour or for fragments
  std::atomic<std::uint64_t> live_peers;
  std::atomic<std::uint64_t> live_sessions;
  std::atomic<std::uint64_t> live_routes;
  std::atomic<std::uint64_t> live_neighbours;
  std::atomic<std::uint64_t> live_flows;
  std::atomic<std::uint64_t> policy_image;       // in force; 0: none was committed yet, and everything is denied
  std::atomic<std::uint32_t> policy_generation;  // of that image
  std::uint32_t max_flows;
  std::atomic<std::uint32_t> under_load;  // 1: handshakes need a cookie
  std::atomic<std::uint32_t> capture_remaining;
  Holdings holdings;
  std::array<char, 32> crypto_engine;  // zero-terminated
  std::array<char, 32> build_version;
};
inline constexpr std::uint64_t statistics_magic = 0x5354415453414c31;  // "1LASTATS"

// Written by one thread each: block 0 by housekeeping, block 1 + w by worker w. The last row counts what belongs to no
// port.
struct alignas(cache_line_bytes) CounterBlock {
  std::array<std::array<std::atomic<std::uint64_t>, counter_count>, max_ports + 1> values;
};

struct alignas(cache_line_bytes) WorkerStatus {
  std::atomic<std::uint64_t> loops;
  std::atomic<std::uint64_t> busy_cycles;  // TSC, in loops that found packets
  std::atomic<std::uint64_t> idle_cycles;
  std::atomic<std::uint64_t> sleeps;
  std::uint64_t tsc_hz;
  std::uint32_t core;  // 0xffffffff: not pinned
};

struct PortStatusValue {
  std::array<char, 64> name;
  std::array<char, 64> device;
  std::array<char, 32> driver;
  std::uint8_t is_underlay;
  std::uint8_t link_up;
  std::uint16_t vlan;
  std::uint16_t mtu;
  std::uint16_t rx_queues;
  std::uint32_t speed_mbps;
  std::uint16_t tx_queues;
  std::array<std::uint8_t, 6> mac;
  std::array<IpPrefix, max_addresses + 1> addresses;
  std::array<std::uint8_t, 2> reserved;
  // Of the device (shared by its VLANs).
  std::uint64_t device_rx_packets;
  std::uint64_t device_tx_packets;
  std::uint64_t device_rx_missed;
  std::uint64_t device_rx_errors;
  std::uint64_t device_rx_no_buffer;
  std::uint64_t device_tx_errors;
};
using PortStatus = SequenceLocked<PortStatusValue>;

enum class NeighbourState : std::uint8_t { none = 0, incomplete, reachable, stale, delay, probe, failed };

struct NeighbourStatusValue {
  IpAddress address;
  std::array<std::uint8_t, 6> mac;
  NeighbourState state;
  std::uint8_t port_index;
  std::array<std::uint8_t, 7> reserved;
  std::uint64_t confirmed_at_ns;
};
using NeighbourStatus = SequenceLocked<NeighbourStatusValue>;

struct PeerStatusValue {
  std::uint8_t live;
  std::uint8_t underlay_port;  // no_port: endpoint unknown or unreachable
  std::uint16_t tunnel_id;
  std::uint32_t staged_packets;
  PeerKey key;
  IpEndpoint endpoint;  // in force
  IpEndpoint local;
  std::uint32_t current_index;  // 0: none. Index 0 is never given to a session.
  std::uint32_t previous_index;
  std::uint32_t next_index;
  HandshakeHistory history;
  std::uint64_t latest_handshake_ns;  // 0: never
  std::uint64_t last_received_ns;
  std::uint64_t last_sent_ns;
  std::uint64_t rx_packets;  // authenticated, keepalives included
  std::uint64_t rx_bytes;    // inner bytes
  std::uint64_t tx_packets;
  std::uint64_t tx_bytes;
};
using PeerStatus = SequenceLocked<PeerStatusValue>;
static_assert(sizeof(PeerStatus) <= 256);

enum class SessionState : std::uint8_t { none = 0, next, current, previous };

struct SessionStatusValue {
  SessionState state;
  HandshakeRole role;
  std::uint16_t owner_worker;
  std::uint32_t index;
  std::uint32_t remote_index;
  std::uint32_t peer_id;
  std::uint64_t session_id;
  std::uint64_t created_at_ns;
  std::uint64_t send_counter;
  std::uint64_t greatest_received_counter;
  std::uint64_t rx_packets;
  std::uint64_t tx_packets;
};
using SessionStatus = SequenceLocked<SessionStatusValue>;
static_assert(sizeof(SessionStatus) <= 128);

// How often a rule spoke, in packets and inner bytes. Of each worker one row, written by that worker alone, by the
// rule's number; number 0 counts what no rule allowed. A number keeps its counts when it is given to another rule: the
// reader remembers what was there.
struct RuleCounters {
  std::atomic<std::uint64_t> allowed_packets;
  std::atomic<std::uint64_t> allowed_bytes;
  std::atomic<std::uint64_t> denied_packets;   // of an audit rule: what it would have denied
  std::atomic<std::uint64_t> limited_packets;  // over the rule's rate
};
static_assert(sizeof(RuleCounters) == 32);

// Where each array of the segment starts, in bytes. Computed by both sides from the limits in the hello.
struct StatisticsLayout {
  std::size_t counters, workers, ports, neighbours, peers, sessions, rules, total;

  static constexpr StatisticsLayout of(std::uint32_t worker_count, std::uint32_t max_peers,
                                       std::uint32_t max_sessions) noexcept {
    constexpr auto align = [](std::size_t offset) { return (offset + cache_line_bytes - 1) & ~(cache_line_bytes - 1); };
    StatisticsLayout layout{};
    layout.counters = align(sizeof(StatisticsHeader));
    layout.workers = align(layout.counters + (1 + std::size_t{worker_count}) * sizeof(CounterBlock));
    layout.ports = align(layout.workers + (1 + std::size_t{worker_count}) * sizeof(WorkerStatus));
    layout.neighbours = align(layout.ports + max_ports * sizeof(PortStatus));
    layout.peers = align(layout.neighbours + max_neighbours_shown * sizeof(NeighbourStatus));
    layout.sessions = align(layout.peers + std::size_t{max_peers} * sizeof(PeerStatus));
    layout.rules = align(layout.sessions + std::size_t{max_sessions} * sizeof(SessionStatus));
    layout.total = align(layout.rules + std::size_t{worker_count} * max_rules * sizeof(RuleCounters));
    return layout;
  }
};

}  // namespace sallyport::abi
