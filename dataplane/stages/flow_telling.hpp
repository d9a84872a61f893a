// What the policy stage tells housekeeping of flows: those that were denied, and those that began under a rule whose
// log says so.
#pragma once

#include "dataplane/stages/flow_decision.hpp"

namespace sallyport::dataplane {

// Of a flow that `opener`, an endpoint of the key, opened or would open: by one rule once a minute, see DenialMemory.
void tell_denied(WorkerContext& worker, const PolicyImage& image, const Packet* packet, const FlowKey& key,
                 unsigned opener, std::uint64_t hash, const FlowDecision& decision) noexcept;

void tell_opened(WorkerContext& worker, const PolicyImage& image, const Packet* packet, const FlowKey& key,
                 unsigned opener, const PolicyDecision& verdict) noexcept;

}  // namespace sallyport::dataplane
