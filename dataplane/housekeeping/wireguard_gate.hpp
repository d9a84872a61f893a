// The gate before the control plane: handshake messages with a right MAC1 pass through it into the rings, and it
// decides when the gateway is under load (the WireGuard paper, section 5.3). Then only who proves its address by a
// cookie passes, at a rate for each source; the others are told how (section 5.4.7).
//
//                      not under load               under load
//   with MAC2          rate of the source -> proven ring
//   without            unproven ring                dropped, cookie reply
//   cookie reply       unproven ring, at a bounded rate
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/abi/statistics.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/random_bytes.hpp"
#include "dataplane/housekeeping/source_rates.hpp"
#include "dataplane/io/token_bucket.hpp"
#include "dataplane/pipeline/received_endpoints.hpp"

namespace sallyport::dataplane {

class WireguardGate {
 public:
  // Answering an initiation costs the control plane some five X25519 operations of about 45 us each: 4,000 a second on
  // one core of the machine on which this was chosen. Half of that leaves it time for everything else it does.
  static constexpr std::uint64_t unproven_per_s = 2000;
  static constexpr std::uint64_t burst_unproven = 256;
  // Or when it falls behind: an eighth of the ring, some 30 ms of its work.
  static constexpr std::uint64_t overload_backlog = abi::packet_ring_slots / 8;
  static constexpr std::uint64_t calm_ns = second_ns;  // without either before the load is over
  // Of one IPv4 address or IPv6 /64: thousands of clients behind one carrier-grade NAT, who handshake every
  // two minutes each and try again every five seconds, stay well below; one host alone cannot fill the proven ring.
  static constexpr std::uint64_t proven_per_source_per_s = 200;
  static constexpr std::uint64_t burst_per_source = 500;
  static constexpr std::uint64_t cookie_replies_per_s = 50'000;
  static constexpr std::uint64_t burst_cookie_replies = 4096;
  static constexpr std::uint64_t received_cookies_per_s = 1000;
  // Anybody can send these: fewer at once than would look like a load.
  static constexpr std::uint64_t burst_received_cookies = overload_backlog / 2;

  WireguardGate(HousekeepingContext& context, abi::StatisticsHeader& statistics);

  // Task::handshake.
  void handle(Packet* packet) noexcept;
  // Looks whether the load is over. Every turn.
  void poll() noexcept;
  [[nodiscard]] bool under_load() const noexcept { return context_.now_ns < under_load_until_ns_; }

 private:
  static constexpr std::uint32_t source_buckets = 65536;

  void measure_load() noexcept;
  void publish_load() noexcept;
  void answer_with_cookie(Packet* packet, const Tunnel& tunnel, const ReceivedEndpoints& endpoints) noexcept;
  void punt(Packet* packet, const Tunnel& tunnel, const ReceivedEndpoints& endpoints,
            ControlLink::UpRing ring) noexcept;

  HousekeepingContext& context_;
  abi::StatisticsHeader& statistics_;
  RandomBytes random_;
  TokenBucket unproven_{unproven_per_s, burst_unproven};
  TokenBucket cookie_replies_{cookie_replies_per_s, burst_cookie_replies};
  TokenBucket received_cookies_{received_cookies_per_s, burst_received_cookies};
  SourceRates proven_by_source_{source_buckets, proven_per_source_per_s, burst_per_source};
  std::uint64_t under_load_until_ns_ = 0;
};

}  // namespace sallyport::dataplane
