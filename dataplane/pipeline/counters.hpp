// The counters of one thread: a block of the statistics segment that this thread alone writes, so an increment is a
// plain load and store. Other threads and the control plane read them, relaxed.
#pragma once

#include "dataplane/abi/statistics.hpp"
#include "dataplane/pipeline/packet.hpp"

namespace sallyport::dataplane {

using abi::Counter;
using abi::DropReason;

class Counters {
 public:
  explicit Counters(abi::CounterBlock* block) noexcept : block_(block) {}

  // `port` is a logical port, or no_port.
  void add(std::uint8_t port, Counter counter, std::uint64_t amount = 1) noexcept {
    bump(port, abi::index_of(counter), amount);
  }
  // Counts and frees. Every packet that does not go on ends here or in consume().
  void drop(Packet* packet, DropReason reason) noexcept {
    bump(meta_of(packet).rx_port, abi::index_of(reason), 1);
    rte_pktmbuf_free(packet);
  }
  // Counts as `counter` (consumed, punted, merged) at the port that received it, and frees.
  void finish(Packet* packet, Counter counter) noexcept {
    bump(meta_of(packet).rx_port, abi::index_of(counter), 1);
    rte_pktmbuf_free(packet);
  }
  void count_drop(std::uint8_t port, DropReason reason, std::uint64_t amount = 1) noexcept {
    bump(port, abi::index_of(reason), amount);
  }

 private:
  void bump(std::uint8_t port, unsigned index, std::uint64_t amount) noexcept {
    std::atomic<std::uint64_t>& value = block_->values[port < abi::max_ports ? port : abi::max_ports][index];
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  abi::CounterBlock* block_;
};

}  // namespace sallyport::dataplane
