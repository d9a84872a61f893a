// Outer fragments become whole packets again, within a strict bound: a table of rte_ip_frag for each worker, at most 8
// fragments a packet (Debian's build), one second of patience. What comes out is one segment in a large buffer.
#pragma once

#include <rte_ip_frag.h>

#include <memory>

#include "dataplane/pipeline/counters.hpp"
#include "dataplane/pipeline/packet.hpp"

namespace sallyport::dataplane {

class Reassembly {
 public:
  // Null if memory is exhausted. Linear copies come from `pool`.
  static std::unique_ptr<Reassembly> create(rte_mempool& pool, std::uint64_t tsc_hz) noexcept;
  ~Reassembly();
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;

  // Takes a fragment whose data pointer is at its IP header and whose meta().ip is filled. Returns the whole packet
  // once it is complete (meta as the last fragment's, data pointer at the IP header), else null.
  [[nodiscard]] Packet* add(Packet* fragment, std::uint64_t now_tsc, Counters& counters) noexcept;
  // Drops what waited too long. Call now and then.
  void expire(std::uint64_t now_tsc, Counters& counters) noexcept;

 private:
  Reassembly(rte_ip_frag_tbl* table, rte_mempool& pool) noexcept : table_(table), pool_(pool) {}
  [[nodiscard]] Packet* linearise(Packet* chain, Counters& counters) noexcept;
  void bury_dead(Counters& counters) noexcept;

  rte_ip_frag_tbl* table_;
  rte_mempool& pool_;
  rte_ip_frag_death_row dead_{};
};

}  // namespace sallyport::dataplane
