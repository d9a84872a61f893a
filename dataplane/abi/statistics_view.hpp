// Read access to a mapped statistics segment for the control plane and tests.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/abi/segment.hpp"
#include "dataplane/abi/statistics.hpp"

namespace sallyport::abi {

class StatisticsView {
 public:
  // The segment must outlive the view and have StatisticsLayout::of(worker_count, max_peers, max_sessions).total bytes.
  StatisticsView(const Segment& segment, std::uint32_t worker_count, std::uint32_t max_peers,
                 std::uint32_t max_sessions) noexcept
      : segment_(&segment),
        layout_(StatisticsLayout::of(worker_count, max_peers, max_sessions)),
        worker_count_(worker_count),
        max_peers_(max_peers),
        max_sessions_(max_sessions) {}

  [[nodiscard]] const StatisticsHeader& header() const noexcept { return *segment_->at<const StatisticsHeader>(); }
  [[nodiscard]] std::uint32_t worker_count() const noexcept { return worker_count_; }
  [[nodiscard]] std::uint32_t max_peers() const noexcept { return max_peers_; }
  [[nodiscard]] std::uint32_t max_sessions() const noexcept { return max_sessions_; }
  [[nodiscard]] std::uint32_t port_count() const noexcept {
    return header().port_count <= max_ports ? header().port_count : max_ports;
  }
  // Block 0 is housekeeping's, 1 + w worker w's.
  [[nodiscard]] const CounterBlock& counters(std::uint32_t writer) const noexcept {
    return segment_->at<const CounterBlock>(layout_.counters)[writer];
  }
  [[nodiscard]] const WorkerStatus& worker(std::uint32_t writer) const noexcept {
    return segment_->at<const WorkerStatus>(layout_.workers)[writer];
  }
  // A port's (or, with max_ports, no port's) counter summed over all threads. `index` from index_of().
  [[nodiscard]] std::uint64_t counter(unsigned port, unsigned index) const noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t writer = 0; writer <= worker_count_; ++writer)
      sum += counters(writer).values[port][index].load(std::memory_order_relaxed);
    return sum;
  }
  [[nodiscard]] std::uint64_t counter(unsigned index) const noexcept {
    std::uint64_t sum = 0;
    for (unsigned port = 0; port <= max_ports; ++port) sum += counter(port, index);
    return sum;
  }
  struct RuleTotals {
    std::uint64_t allowed_packets = 0, allowed_bytes = 0, denied_packets = 0, limited_packets = 0;
  };
  // Of all workers. `number` < max_rules.
  [[nodiscard]] RuleTotals rule(std::uint32_t number) const noexcept {
    RuleTotals sum;
    for (std::uint32_t worker = 0; worker < worker_count_; ++worker) {
      const RuleCounters& counters =
          segment_->at<const RuleCounters>(layout_.rules)[std::size_t{worker} * max_rules + number];
      sum.allowed_packets += counters.allowed_packets.load(std::memory_order_relaxed);
      sum.allowed_bytes += counters.allowed_bytes.load(std::memory_order_relaxed);
      sum.denied_packets += counters.denied_packets.load(std::memory_order_relaxed);
      sum.limited_packets += counters.limited_packets.load(std::memory_order_relaxed);
    }
    return sum;
  }
  [[nodiscard]] std::optional<PortStatusValue> port(unsigned index) const noexcept {
    return record<PortStatus, PortStatusValue>(layout_.ports, index);
  }
  [[nodiscard]] std::optional<NeighbourStatusValue> neighbour(unsigned index) const noexcept {
    return record<NeighbourStatus, NeighbourStatusValue>(layout_.neighbours, index);
  }
  [[nodiscard]] std::optional<PeerStatusValue> peer(std::uint32_t peer_id) const noexcept {
    return record<PeerStatus, PeerStatusValue>(layout_.peers, peer_id);
  }
  [[nodiscard]] std::optional<SessionStatusValue> session(std::uint32_t slot) const noexcept {
    return record<SessionStatus, SessionStatusValue>(layout_.sessions, slot);
  }

 private:
  template <typename Record, typename Value>
  [[nodiscard]] std::optional<Value> record(std::size_t offset, std::size_t index) const noexcept {
    Value value;
    if (!segment_->at<const Record>(offset)[index].read(value)) return std::nullopt;
    return value;
  }

  const Segment* segment_;
  StatisticsLayout layout_;
  std::uint32_t worker_count_;
  std::uint32_t max_peers_;
  std::uint32_t max_sessions_;
};

}  // namespace sallyport::abi
