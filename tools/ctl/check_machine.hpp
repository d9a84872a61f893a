// What keeps a gateway from starting on this machine, though its files are good.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "dataplane/io/memory.hpp"

namespace sallyport::ctl {

// Cores, huge pages, memory, devices and users, each at its place in the file. Warnings to `sallyctl check`, which may
// run elsewhere.
[[nodiscard]] std::vector<config::Error> missing_here(const config::Config& configuration,
                                                      const dataplane::MemoryNeed& need);

}  // namespace sallyport::ctl
