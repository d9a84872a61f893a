// How DPDK is started: the argument vector of rte_eal_init, made of the configuration and of what the machine offers.
// Pure, so that it can be tested and shown (`sallyctl check`) without DPDK; eal.hpp runs it.
//
//   lcore 0      housekeeping: on all allowed CPUs that no worker has (on all, if none is left)
//   lcore i + 1  worker i, pinned to workers[i]
#pragma once

#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.hpp"
#include "dataplane/io/machine.hpp"
#include "dataplane/io/memory.hpp"

namespace sallyport::dataplane {

struct EalPlan {
  std::vector<std::string> arguments;  // argv[0] first
  std::vector<std::string> remarks;    // what the operator should hear: no huge pages, little memory
  bool huge_pages = false;
  std::uint64_t memory_mb = 0;
};

[[nodiscard]] constexpr unsigned lcore_of_worker(unsigned worker) noexcept {
  return worker + 1;
}

// Everything at once that plan_eal() refuses because of the machine and not because of the file: cores, huge pages,
// memory. One line each.
[[nodiscard]] std::vector<std::string> shortcomings(const config::Dataplane& dataplane, const MemoryNeed& need,
                                                    const Machine& machine);

// Errors: a worker's core that does not exist or may not be used, memory_mb below the need, hugepages = "require"
// without enough of them, more memory than the machine has, one device with two sets of arguments.
[[nodiscard]] tl::expected<EalPlan, std::string> plan_eal(const config::Dataplane& dataplane,
                                                          std::span<const config::Port> ports, const MemoryNeed& need,
                                                          const Machine& machine);

}  // namespace sallyport::dataplane
