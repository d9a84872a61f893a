// The first packet of a flow asks the policy. Shortly after a start, that may be one from the middle of a connection.
#include "dataplane/stages/admit.hpp"
#include "dataplane/stages/flow_charge.hpp"
#include "dataplane/stages/flow_telling.hpp"

namespace sallyport::dataplane {
namespace {

bool is_tcp(const FlowProbe& probe) noexcept {
  return probe.protocol == static_cast<std::uint8_t>(IpProtocol::tcp);
}

// Who opens the flow, and what the policy says of that.
struct Opening {
  unsigned opener;
  FlowDecision decision;
  std::uint32_t flow_identity;  // whose flows it counts among
};

Opening decide_opening(PolicyTurn& turn, const FlowProbe& probe, bool picked_up) noexcept {
  Opening opening{.opener = probe.source(), .decision = {}, .flow_identity = 0};
  const FlowPhase phase = picked_up ? FlowPhase::goes_on : FlowPhase::begins;
  opening.decision = turn.decide(probe.key, opening.opener, phase);
  // Whoever it was that opened it, the sender pays: others must not use up what is somebody's.
  opening.flow_identity = opening.decision.flow_identity;
  // Who sends in the middle of a connection may not be who opened it.
  if (picked_up && !opening.decision.verdict.allowed) {
    opening.opener = 1 - opening.opener;
    opening.decision = turn.decide(probe.key, opening.opener, phase);
  }
  return opening;
}

FlowTable::Creation create(PolicyTurn& turn, const Packet* packet, const FlowProbe& probe,
                           const Opening& opening) noexcept {
  WorkerContext& worker = turn.worker;
  const FlowDirection direction = opening.opener == probe.source() ? FlowDirection::from_opener : FlowDirection::back;
  const std::uint32_t state = is_tcp(probe) ? track_tcp(0, direction, probe.tcp_flags).word : 0;
  const auto fill = [&](FlowEntry& entry) {
    for (FlowLine* line : {&entry.forward, &entry.back}) {
      line->packets.store(0, std::memory_order_relaxed);
      line->bytes.store(0, std::memory_order_relaxed);
      line->last_seen_tsc.store(worker.now_tsc, std::memory_order_relaxed);
      line->rate_slot.store(no_rate_slot, std::memory_order_relaxed);
    }
    entry.state.store(state, std::memory_order_relaxed);
    entry.opener = static_cast<std::uint8_t>(opening.opener);
    for (unsigned i = 0; i < 2; ++i) entry.lives[i] = life_of(turn.tables, probe.key.ends[i]);
    entry.session_index = meta_of(packet).opened_session;
    entry.started_tsc.store(worker.now_tsc, std::memory_order_relaxed);
    store_decision(entry, opening.decision, turn.image().generation);
  };
  return turn.tables.flows.create(worker.id, probe.key, probe.hash, opening.flow_identity, fill);
}

// Another worker's packet was faster, perhaps the other way. This one's sender has a right to open a flow of its own.
bool admit_to_twin(PolicyTurn& turn, Packet* packet, FlowProbe& probe, FlowEntry& twin) noexcept {
  probe.entry = &twin;
  const FlowDirection direction = direction_of(twin, probe);
  if (is_tcp(probe) && step_tcp(twin.state, direction, probe.tcp_flags) == TcpOutcome::invalid)
    return turn.drop(packet, DropReason::out_of_state);
  return charge(turn, packet, twin, direction);
}

}  // namespace

bool admit_new_flow(PolicyTurn& turn, Packet* packet, FlowProbe& probe) noexcept {
  WorkerContext& worker = turn.worker;
  const PacketMeta& meta = meta_of(packet);
  const bool picked_up = probe.kind == ProbeKind::continues && is_tcp(probe) && tcp_may_pick_up(probe.tcp_flags) &&
                         worker.now_tsc < turn.image().pick_up_until_tsc;
  if (probe.kind == ProbeKind::continues && !picked_up) return turn.drop(packet, DropReason::out_of_state);
  const Opening opening = decide_opening(turn, probe, picked_up);
  if (!opening.decision.verdict.allowed) {
    // No RST and no event: which direction would they be about?
    if (picked_up) return turn.drop(packet, DropReason::out_of_state);
    turn.deny(packet, probe.key, opening.opener, probe.hash, opening.decision);
    return false;
  }
  // What leads nowhere is answered by the route stage, and is no flow.
  const NextHopKind destination = turn.tables.routes.entry(static_cast<RouteIndex>(meta.destination_route)).kind;
  if (destination == NextHopKind::none || destination == NextHopKind::blackhole) return true;

  if (probe.entry != nullptr) turn.end(*probe.entry, abi::FlowEnd::closed);
  const FlowTable::Creation creation = create(turn, packet, probe, opening);
  switch (creation.how) {
    case FlowTable::Created::over_quota:
      return turn.drop(packet, DropReason::flow_quota);
    case FlowTable::Created::full:
      return turn.drop(packet, DropReason::flow_table_full);
    case FlowTable::Created::existed:
      return admit_to_twin(turn, packet, probe, *creation.entry);
    case FlowTable::Created::created:
      break;
  }
  worker.counters.add(meta.rx_port, Counter::flows_opened);
  tell_opened(worker, turn.image(), packet, probe.key, opening.opener, opening.decision.verdict);
  return charge(turn, packet, *creation.entry, direction_of(*creation.entry, probe));
}

}  // namespace sallyport::dataplane
