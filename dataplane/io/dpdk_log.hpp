// DPDK's log, led into ours. The last lines are kept, because they say why a start failed where rte_errno only says
// "Invalid argument". Lines that are known to be harmless are left out.
#pragma once

#include <string>

namespace sallyport::dataplane {

// Before rte_eal_init, once in a process; without a stream of its own (no memory) DPDK goes on logging to standard
// error.
void capture_dpdk_log();

// The last lines since the call before, joined by "; "; empty if there were none.
[[nodiscard]] std::string take_dpdk_log();

}  // namespace sallyport::dataplane
