// What is wrong with a gateway whose commands were all applied: read from the statistics of its dataplane and from what
// the parts of the control plane say. Pure: no clock, no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "controlplane/enrolment/administration.hpp"
#include "controlplane/kubernetes/cluster_watch.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/trust/trust_sources.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

// Of a table: used, from where on it is "nearly full".
inline constexpr unsigned nearly_full_percent = 90;
// A gateway that was never asked before may take so long to answer.
inline constexpr std::uint64_t gateway_patience_ns = 5'000'000'000;

// Ports whose link is down, gateways of ports that do not answer, tables that are nearly full, housekeeping that is
// silent. `now_ns` and `connected_since_ns` are CLOCK_BOOTTIME.
[[nodiscard]] std::vector<Problem> dataplane_problems(const config::Config& configuration,
                                                      const abi::StatisticsView& statistics,
                                                      std::uint64_t connected_since_ns, std::uint64_t now_ns);

// Pools of inner addresses that are nearly given out.
[[nodiscard]] std::vector<Problem> pool_problems(const std::vector<PoolUse>& pools);

// Why the newest reload was refused: its errors, shortened to one line.
[[nodiscard]] Problem refused_reload_problem(const std::vector<std::string>& errors);

}  // namespace sallyport::controlplane
