// The ways in which a packet passes the policy stage, each a file of its own. True: it goes on. False: it was dropped,
// or is held.
#pragma once

#include "dataplane/stages/policy_turn.hpp"

namespace sallyport::dataplane {

// It begins a flow, if it may. probe.entry: a flow with the same key that ends then; null: none.
[[nodiscard]] bool admit_new_flow(PolicyTurn& turn, Packet* packet, FlowProbe& probe) noexcept;
// An ICMP error about a packet of a flow.
[[nodiscard]] bool admit_report(PolicyTurn& turn, Packet* packet, const FlowProbe& probe) noexcept;
// A fragment without ports.
[[nodiscard]] bool admit_later_fragment(PolicyTurn& turn, Packet* packet) noexcept;

}  // namespace sallyport::dataplane
