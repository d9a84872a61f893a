// What comes to the gateway itself: ARP, neighbour discovery and ping on its ports, ping through its tunnels, and what
// the host interface may take. Everything else is dropped; of ICMP errors only those about the size of outer packets
// change anything, and they are taken elsewhere (path_mtu.hpp).
#pragma once

#include <vector>

#include "dataplane/housekeeping/host_bridge.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/icmp_errors.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/io/token_bucket.hpp"

namespace sallyport::dataplane {

class OwnAddress {
 public:
  // Of each port, and once more for what comes through tunnels and the inner table.
  static constexpr std::uint64_t echoes_per_s = 10'000;
  static constexpr std::uint64_t burst_echoes = 1000;
  // Answers to ARP and ND have a rate of their own, so that a flood of pings does not take the port off its link.
  static constexpr std::uint64_t neighbour_answers_per_s = 10'000;
  static constexpr std::uint64_t burst_neighbour_answers = 1000;

  OwnAddress(HousekeepingContext& context, NeighbourService& neighbours, HostBridge& host, IcmpErrors& icmp_errors);

  // Task::own_address and Task::own_inner_address.
  void handle(Packet* packet) noexcept;

 private:
  struct PortRates {
    TokenBucket echoes{echoes_per_s, burst_echoes};
    TokenBucket neighbour_answers{neighbour_answers_per_s, burst_neighbour_answers};
    TokenBucket defences{1, 1};
  };

  void handle_frame(Packet* frame) noexcept;
  void handle_arp(Packet* frame, const LogicalPort& port) noexcept;
  void handle_ip(Packet* frame, const LogicalPort& port) noexcept;
  void handle_icmpv6(Packet* frame, const LogicalPort& port) noexcept;
  void answer_solicitation(Packet* frame, const LogicalPort& port, const NeighbourMessage& message) noexcept;
  void take_advertisement(Packet* frame, const LogicalPort& port, const NeighbourMessage& message) noexcept;
  void answer_echo(Packet* frame, const LogicalPort& port) noexcept;
  void handle_inner(Packet* packet) noexcept;
  void answer_inner_echo(Packet* packet) noexcept;

  // The buffer of a request becomes the reply, a frame that is sent by `port`: one packet consumed, one originated.
  void reply_in_place(Packet* frame, const LogicalPort& port, std::size_t length_bytes) noexcept;
  void begin_own_packet(Packet* packet) noexcept;
  void report_conflict(const LogicalPort& port, const IpAddress& address, const MacAddress& claimant) noexcept;

  HousekeepingContext& context_;
  NeighbourService& neighbours_;
  HostBridge& host_;
  IcmpErrors& icmp_errors_;
  std::vector<PortRates> rates_;  // by port; the last one for inner packets
  LogLimiter conflicts_{4, 10 * second_ns};
};

}  // namespace sallyport::dataplane
