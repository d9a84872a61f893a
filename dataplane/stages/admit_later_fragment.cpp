// A later fragment goes where its first one was let go, as long as the flow of that one lives and has its right.
#include "dataplane/stages/admit.hpp"
#include "dataplane/stages/flow_charge.hpp"

namespace sallyport::dataplane {

bool admit_later_fragment(PolicyTurn& turn, Packet* packet) noexcept {
  const auto verdict = recall_first_fragment(turn.worker, packet);
  if (!verdict) return false;
  if (!verdict->allowed) return turn.drop(packet, DropReason::denied);
  FlowEntry& entry = turn.tables.flows.entry(verdict->flow);
  if (!verdict->is_of(entry)) return turn.drop(packet, DropReason::fragment_refused);
  if (is_outdated(turn.tables, entry)) {
    if (turn.ends_with_former_peer(entry)) return turn.drop(packet, DropReason::fragment_refused);
    if (!turn.renew(packet, entry)) return false;
  }
  return charge(turn, packet, entry, verdict->from_opener ? FlowDirection::from_opener : FlowDirection::back);
}

}  // namespace sallyport::dataplane
