// An ICMP error passes if it is about a packet of a live flow between the two ends, whose right still stands; it counts
// among the packets of that flow.
#include "dataplane/stages/admit.hpp"
#include "dataplane/stages/flow_charge.hpp"

namespace sallyport::dataplane {

bool admit_report(PolicyTurn& turn, Packet* packet, const FlowProbe& probe) noexcept {
  FlowEntry* entry = turn.tables.flows.find(probe.key, probe.hash);
  if (entry == nullptr) return turn.drop(packet, DropReason::icmp_unrelated);
  if (is_outdated(turn.tables, *entry)) {
    if (turn.ends_with_former_peer(*entry)) return turn.drop(packet, DropReason::icmp_unrelated);
    if (!turn.renew(packet, *entry)) return false;
  }
  // The probe's source is that of the quoted packet: the error goes the other way.
  const FlowDirection quoted = direction_of(*entry, probe);
  return charge(turn, packet, *entry,
                quoted == FlowDirection::from_opener ? FlowDirection::back : FlowDirection::from_opener,
                Sign::of_trouble);
}

}  // namespace sallyport::dataplane
