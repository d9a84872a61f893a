// How much memory the dataplane needs, computed from the configuration before anything starts: every line says what it
// is for, so that `sallyctl check` can print the table and a memory_mb that is too small gets an answer. No DPDK in
// here: tools link it without.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.hpp"
#include "dataplane/io/buffer_plan.hpp"

namespace sallyport::dataplane {

struct MemoryLine {
  std::string what;
  std::uint64_t bytes = 0;
};

// Bytes of one entry of each table. The owner of a table asserts that its entry is not larger.
struct MemoryCosts {
  std::uint64_t open_session = 1280 + 128;  // replay window of 8,192 bits + key schedule and state
  std::uint64_t seal_session = 192;
  std::uint64_t peer = 512;
  std::uint64_t host_route = 64;  // rte_hash: key slot, bucket share and RCU; two for each peer
  std::uint64_t neighbour = 256;
};

// What the tables are sized for besides the configured limits.
struct MemoryDemand {
  BufferDemand buffers;
  MemoryCosts costs;
  std::uint64_t neighbours = 8192;
  std::uint64_t prefix_route_tbl8 = 2 * 4096 + 2 * 32768;  // of 1 KiB each: IPv4 and IPv6, both held twice
  std::vector<MemoryLine> extras;                          // of tables that this folder does not know
};

struct MemoryNeed {
  std::vector<MemoryLine> lines;  // the last is the margin for the heap
  std::uint64_t total_bytes = 0;
  std::uint64_t total_mb = 0;  // rounded up to 2 MiB

  // One aligned line for each, the total last; ends with a newline.
  [[nodiscard]] std::string to_table() const;
};

[[nodiscard]] MemoryNeed compute_memory(const config::Dataplane& dataplane, std::span<const config::Port> ports,
                                        const MemoryDemand& demand = {});

// What EAL is asked for, in MiB: memory_mb, or the need when that is "auto". A memory_mb below the need is an error
// that carries the breakdown.
[[nodiscard]] tl::expected<std::uint64_t, std::string> memory_to_reserve_mb(const config::Dataplane& dataplane,
                                                                            const MemoryNeed& need);

}  // namespace sallyport::dataplane
