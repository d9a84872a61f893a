// DPDK's environment, once per process: started from an EalPlan, and the devices of the ports found in it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "config/config.hpp"
#include "dataplane/io/eal_plan.hpp"

namespace sallyport::dataplane {

// The calling thread becomes lcore 0. DPDK can be started once in a process: after an error the process must end.
// Errors carry DPDK's own last words; a device that did not come up is an error that names its port.
[[nodiscard]] tl::expected<void, std::string> start_eal(const EalPlan& plan, std::span<const config::Port> ports);

// DPDK's port id of a device, given as in `[[port]] device`.
[[nodiscard]] tl::expected<std::uint16_t, std::string> find_ethdev(std::string_view device);

// After every Device and then the MbufPools are gone (their memory goes with EAL), and every worker has returned.
void stop_eal();

}  // namespace sallyport::dataplane
