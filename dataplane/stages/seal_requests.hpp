// What every tunnel does with its packets before and after the AEAD: session and path are found and counters reserved;
// the outer header goes in front, and what is too long for the path leaves in fragments.
#pragma once

#include "dataplane/stages/counter_reservation.hpp"
#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

// worker.to_seal, emptied, becomes requests: each with a session that serves, a path, and a counter of its own. What
// has none waits with housekeeping, or is dropped. Returns how many there are.
[[nodiscard]] unsigned take_seal_requests(WorkerContext& worker,
                                          std::array<SealRequest, Batch::capacity>& requests) noexcept;

// The packet is a sealed message; with its outer header it goes to worker.to_neighbour.
void send_sealed(WorkerContext& worker, const SealRequest& request) noexcept;

}  // namespace sallyport::dataplane
