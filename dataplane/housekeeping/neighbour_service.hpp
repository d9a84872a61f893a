// The neighbours of all ports at work: packets that wait for a MAC address, the questions on the wire, and the host
// routes that let workers reach a neighbour on a connected prefix without asking housekeeping again ("gleaned" ones).
//
//   worker --Task::glean, resolve--> NeighbourTable --ARP, NS--> wire
//                                          | answer (own_address)
//   waiting packets -> judged anew -> wire, host route {port, neighbour} -> RouteTable; it goes when the neighbour
//   fails or is idle
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/abi/statistics.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/icmp_errors.hpp"

namespace sallyport::dataplane {

class NeighbourService {
 public:
  // An idle neighbour's host route goes after this time; the next packet gleans it anew.
  static constexpr std::uint64_t gleaned_idle_ns = 600 * second_ns;

  // `shown` are the records of the statistics segment, which this object alone writes.
  NeighbourService(HousekeepingContext& context, IcmpErrors& icmp_errors, std::span<abi::NeighbourStatus> shown);

  // Task::resolve and Task::glean.
  void handle(Packet* packet) noexcept;
  // A packet of housekeeping's own, which starts at its IP header, to `next_hop` on the port's link: now, or once its
  // address is known.
  void send(Packet* ip_packet, std::uint8_t port_index, const IpAddress& next_hop) noexcept;
  // Runs the timers, sends questions and what waited for an answer. A bounded amount; every turn.
  void poll() noexcept;

  // For what names a neighbour by its index (tunnel paths, static routes): the index belongs to this address until it
  // was released as often as acquired, and a grace period longer. no_neighbour: the table is full of such ones.
  [[nodiscard]] std::uint32_t acquire(std::uint8_t port_index, const IpAddress& address) noexcept;
  void release(std::uint32_t index) noexcept;

  // Before a route for `prefix` is installed (or the route that covers it changes): gleaned host routes inside it would
  // be preferred. Those of others, a peer's say, are never touched.
  void forget_gleaned_covered_by(const IpPrefix& prefix) noexcept;

  // An ARP or neighbour discovery message from the port's link, well-formed; `for_us`: its target is ours.
  void on_arp(std::uint8_t port_index, const ArpMessage& message, bool for_us) noexcept;
  void on_neighbour_message(std::uint8_t port_index, const NeighbourMessage& message, bool for_us) noexcept;

  // Tells the port's link our addresses: at start and when the link came up.
  void announce(std::uint8_t port_index) noexcept;

  // Drops every packet that waits, counted: at the end of the process.
  void drop_all_held() noexcept;
  [[nodiscard]] std::uint32_t held_packets() const noexcept { return context_.tables.neighbours.held_packets(); }
  [[nodiscard]] std::uint32_t gleaned_routes() const noexcept { return gleaned_count_; }

 private:
  // What this object knows of the neighbour with the same index.
  struct Use {
    std::uint32_t references = 0;  // acquired, or by the gleaned route; the table's entry is pinned while there are any
    bool in_grace = false;         // no references any more, but workers may still hold the index; pinned as well
    bool has_gleaned_route = false;
    IpAddress gleaned;  // its address
    std::uint64_t idle_since_ns = 0;
  };
  static constexpr unsigned most_rounds_per_poll = 4;
  static constexpr std::size_t most_reclaimed_per_poll = 256;
  static constexpr std::uint64_t publish_interval_ns = second_ns;

  void resolve(Packet* packet) noexcept;
  void glean(Packet* packet) noexcept;
  // Waits for `index`, an entry of `port_index`.
  void hold(Packet* packet, std::uint32_t index) noexcept;
  void send_frame(Packet* ip_packet, std::uint8_t port_index, const MacAddress& destination) noexcept;
  void let_go(Packet* packet, const NeighbourWork::Release& release) noexcept;
  void drop_unresolved(Packet* packet) noexcept;
  [[nodiscard]] Packet* make_frame(std::size_t length_bytes) noexcept;
  void solicit(const NeighbourWork::Solicitation& question) noexcept;

  void reference(std::uint32_t index) noexcept;
  // Whether the address is one that this port's connected route, or a gleaned one, still leads to.
  [[nodiscard]] bool is_still_connected(std::uint8_t port_index, const IpAddress& address) const noexcept;
  void install_gleaned_route(std::uint32_t index, std::uint8_t port_index, const IpAddress& address) noexcept;
  void remove_gleaned_route(std::uint32_t index) noexcept;
  void review_gleaned_routes() noexcept;
  void publish() noexcept;

  HousekeepingContext& context_;
  IcmpErrors& icmp_errors_;
  NeighbourTable& table_;
  std::span<abi::NeighbourStatus> shown_;
  std::vector<Use> uses_;
  GraceQueue<std::uint32_t> in_grace_;  // each index at most once
  const std::uint32_t most_gleaned_;
  std::uint32_t gleaned_count_ = 0;
  unsigned shown_count_ = 0;
  std::uint64_t publish_at_ns_ = 0;
  NeighbourWork work_;
};

}  // namespace sallyport::dataplane
