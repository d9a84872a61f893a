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
#include "dataplane/forwarding/flow_limits.hpp"
#include "dataplane/forwarding/route_limits.hpp"
#include "dataplane/io/buffer_plan.hpp"

namespace sallyport::dataplane {

struct MemoryLine {
  std::string what;
  std::uint64_t bytes = 0;
};

// Bytes of one entry of each table. gateway.cpp asserts that they are true.
struct MemoryCosts {
  std::uint64_t open_session = 1280;  // with its replay window of 8,192 bits
  std::uint64_t seal_session = 192;
  std::uint64_t peer = 320;
  std::uint64_t packet_metadata = 64;
};

// What the tables are sized for besides the configured limits.
struct MemoryDemand {
  BufferDemand buffers;
  MemoryCosts costs;
  std::uint32_t capture_packets_per_worker = 576;
  std::vector<MemoryLine> extras;  // of tables that this folder does not know
};

// A peer has an address of each family, as a rule, and a site some prefixes.
[[nodiscard]] RouteLimits route_limits(const config::Dataplane& dataplane) noexcept;
[[nodiscard]] FlowLimits flow_limits(const config::Dataplane& dataplane) noexcept;
// A power of two, so that a session's slot is a mask of its index.
[[nodiscard]] std::uint32_t session_slots(const config::Dataplane& dataplane) noexcept;

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
