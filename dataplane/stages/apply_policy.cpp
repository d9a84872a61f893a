// Stage 5: may this identity speak to that destination? A packet of a flow that was decided costs one look-up in the
// flow table; the first packet of a flow asks the policy (flow_decision), and so does the next packet of every flow
// when something that it was decided by has changed.
//
//   packet -> probe -> known flow? --yes--> decided by what is in force? -> TCP state -> rate -> counted, on it goes
//                          '-----no---> may it open one? -> policy -> new flow
#include "dataplane/stages/admit.hpp"
#include "dataplane/stages/flow_charge.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

// Packets whose look-ups overlap.
constexpr unsigned group = 32;

// Of ICMP only requests open; everything that has a flow already and is none is a reply or an error.
bool is_icmp_request(const FlowProbe& probe) noexcept {
  const bool is_icmp =
      probe.protocol == static_cast<std::uint8_t>(probe.key.is_v4 != 0 ? IpProtocol::icmp : IpProtocol::icmpv6);
  return is_icmp && probe.kind == ProbeKind::opens;
}

// An echo request against the direction of a flow with the same identifier is no answer to it: its sender needs a right
// of its own. (Two hosts that ping each other may well use the same one.)
bool admit_crossing_request(PolicyTurn& turn, Packet* packet, const FlowProbe& probe) noexcept {
  const FlowDecision decision = turn.decide(probe.key, probe.source(), FlowPhase::begins);
  if (decision.verdict.allowed) return charge(turn, packet, *probe.entry, FlowDirection::back);
  turn.deny(packet, probe.key, probe.source(), probe.hash, decision);
  return false;
}

bool admit_known_flow(PolicyTurn& turn, Packet* packet, FlowProbe& probe) noexcept {
  FlowEntry& entry = *probe.entry;
  const FlowDirection direction = direction_of(entry, probe);
  const bool from_opener = direction == FlowDirection::from_opener;
  if (probe.protocol == static_cast<std::uint8_t>(IpProtocol::tcp)) {
    const TcpOutcome outcome = step_tcp(entry.state, direction, probe.tcp_flags);
    if (outcome == TcpOutcome::invalid) return turn.drop(packet, DropReason::out_of_state);
    if (outcome == TcpOutcome::reopens) return admit_new_flow(turn, packet, probe);
  } else if (!from_opener && entry.state.load(std::memory_order_relaxed) == 0) {
    entry.state.store(1, std::memory_order_relaxed);
  }
  if (is_outdated(turn.tables, entry)) [[unlikely]] {
    if (turn.ends_with_former_peer(entry)) {
      probe.entry = nullptr;
      return admit_new_flow(turn, packet, probe);
    }
    if (!turn.renew(packet, entry)) return false;
  }
  if (!from_opener && is_icmp_request(probe)) [[unlikely]]
    return admit_crossing_request(turn, packet, probe);
  return charge(turn, packet, entry, direction);
}

bool admit(PolicyTurn& turn, Packet* packet, FlowProbe& probe) noexcept {
  if (probe.kind == ProbeKind::later_fragment) return admit_later_fragment(turn, packet);
  if (probe.kind == ProbeKind::reports) return admit_report(turn, packet, probe);
  probe.entry = turn.tables.flows.find(probe.key, probe.hash);
  return probe.entry != nullptr ? admit_known_flow(turn, packet, probe) : admit_new_flow(turn, packet, probe);
}

// The key of a packet's flow, and its buckets on the way. False: the packet was dropped.
bool probe_one(WorkerContext& worker, Packet* packet, FlowProbe& probe) noexcept {
  const Tables& tables = worker.tables;
  const RouteEntry& destination = tables.routes.entry(static_cast<RouteIndex>(meta_of(packet).destination_route));
  if (const auto reason = probe_flow(packet, destination, probe)) {
    worker.drop(packet, *reason);
    return false;
  }
  if (probe.kind == ProbeKind::later_fragment) return true;
  probe.hash = tables.flows.hash(probe.key);
  tables.flows.prefetch(probe.hash);
  for (const std::uint32_t end : probe.key.ends)
    if (is_peer_end(end)) __builtin_prefetch(&tables.peers[end]);
  return true;
}

// Before the first policy only what is the gateway's own passes.
void drop_all_but_trusted(WorkerContext& worker, Batch& packets) noexcept {
  unsigned kept = 0;
  for (Packet* packet : packets) {
    if (meta_of(packet).is_trusted)
      packets[kept++] = packet;
    else
      worker.drop(packet, DropReason::denied);
  }
  packets.truncate(kept);
}

}  // namespace

void apply_policy(WorkerContext& worker, Batch& packets) noexcept {
  const PolicyTable::Version policy = worker.tables.policy.version();
  if (policy.image == nullptr) return drop_all_but_trusted(worker, packets);
  if (policy.image->allow_all) return;
  PolicyTurn turn(worker, policy);
  std::array<FlowProbe, group> probes;
  std::array<bool, group> is_probed;
  unsigned kept = 0;
  for (unsigned begin = 0; begin < packets.size(); begin += group) {
    const unsigned count = std::min(group, packets.size() - begin);
    // 1. The keys, and their buckets on the way; 2. the entries on the way; 3. one after the other.
    for (unsigned i = 0; i < count; ++i) {
      Packet*& packet = packets[begin + i];
      is_probed[i] = false;
      if (meta_of(packet).is_trusted) continue;
      is_probed[i] = probe_one(worker, packet, probes[i]);
      if (!is_probed[i]) packet = nullptr;
    }
    for (unsigned i = 0; i < count; ++i) {
      if (!is_probed[i] || probes[i].kind == ProbeKind::later_fragment) continue;
      worker.tables.flows.prefetch_entry(probes[i].hash);
    }
    for (unsigned i = 0; i < count; ++i) {
      Packet* packet = packets[begin + i];
      if (packet == nullptr || (is_probed[i] && !admit(turn, packet, probes[i]))) continue;
      packets[kept++] = packet;
    }
  }
  packets.truncate(kept);
}

}  // namespace sallyport::dataplane
