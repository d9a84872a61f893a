// The packet buffers of the dataplane, in one or two memory pools (buffer_plan.hpp says why two). The pools use the
// lock-free stack ops: threads may share a core here, and with the default ring a thread that is preempted in the
// middle of an enqueue stops all others. Each lcore has a cache in front; other threads go to the stack directly.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "dataplane/io/buffer_plan.hpp"

namespace sallyport::dataplane {

// A pool of `count` packet buffers on the lock-free stack. Null: see rte_errno.
[[nodiscard]] rte_mempool* create_packet_pool(const char* name, std::uint32_t count, std::uint32_t cache,
                                              std::uint16_t private_bytes, std::uint16_t room_bytes) noexcept;

class MbufPools {
 public:
  // After start_eal. The name distinguishes pools in one process (tests); at most 16 characters.
  [[nodiscard]] static tl::expected<MbufPools, std::string> create(const BufferPlan& plan,
                                                                   const std::string& name = "sallyport");

  [[nodiscard]] rte_mempool& packets() const noexcept { return *packets_; }
  // For what is reassembled. The same pool as packets() if those are large enough.
  [[nodiscard]] rte_mempool& large() const noexcept { return large_ ? *large_ : *packets_; }
  // Every buffer comes from one pool: a device may use MBUF_FAST_FREE.
  [[nodiscard]] bool single() const noexcept { return large_ == nullptr; }

  // Buffers that are held somewhere, caches not counted: 0 when the gateway is at rest and its devices are closed.
  // Walks the caches of all lcores: exact only when nothing moves. Two drivers keep some even when they are closed:
  // AF_XDP its fill ring of 2,048, and net_ring what still lies in its rings.
  [[nodiscard]] std::uint32_t in_use() const noexcept;
  [[nodiscard]] std::uint32_t capacity() const noexcept;

 private:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept;
  };
  using Pool = std::unique_ptr<rte_mempool, Free>;

  Pool packets_;
  Pool large_;
};

// Our metadata of a packet, which follows the rte_mbuf. T is at most BufferDemand::private_bytes.
template <typename T>
[[nodiscard]] inline T& packet_metadata(rte_mbuf& mbuf) noexcept {
  static_assert(alignof(T) <= 64);
  return *static_cast<T*>(rte_mbuf_to_priv(&mbuf));
}

}  // namespace sallyport::dataplane
