// Stage 5: may this identity speak to that destination? A packet of a flow that was decided costs one look-up in the
// flow table; the first packet of a flow asks the policy (flow_decision), and so does the next packet of every flow
// when something that it was decided by has changed.
//
//   packet -> probe -> known flow? --yes--> decided by what is in force? -> TCP state -> rate -> counted, on it goes
//                          '-----no---> may it open one? -> policy -> new flow
#include "dataplane/packet/fragment.hpp"
#include "dataplane/stages/flow_decision.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

// Packets whose look-ups overlap.
constexpr unsigned group = 32;

std::uint32_t bytes_of_packet(const Packet* packet) noexcept {
  return meta_of(packet).ip.total_bytes;
}

// What InnerFragments remembers of a first fragment.
struct FragmentVerdict {
  std::uint32_t flow;
  bool from_opener;
  bool allowed;
  std::uint32_t started;  // 30 bits of the flow's start: the entry may have another flow by now

  [[nodiscard]] std::uint64_t pack() const noexcept {
    return std::uint64_t{flow} | std::uint64_t{from_opener} << 32 | std::uint64_t{allowed} << 33 |
           std::uint64_t{started} << 34;
  }
  static FragmentVerdict unpack(std::uint64_t word) noexcept {
    return {.flow = static_cast<std::uint32_t>(word),
            .from_opener = (word >> 32 & 1) != 0,
            .allowed = (word >> 33 & 1) != 0,
            .started = static_cast<std::uint32_t>(word >> 34)};
  }
};

class Gate {
 public:
  Gate(Worker& worker, const PolicyTable::Version& policy) noexcept
      : worker_(worker), tables_(worker.tables), policy_(policy) {}

  // True: the packet goes on. False: it was dropped, or is held.
  bool admit(Packet* packet, FlowProbe& probe) noexcept {
    if (probe.kind == ProbeKind::later_fragment) return admit_later_fragment(packet, probe);
    if (probe.kind == ProbeKind::reports) return admit_report(packet, probe);
    probe.entry = tables_.flows.find(probe.key, probe.hash);
    return probe.entry != nullptr ? admit_known(packet, probe) : admit_new(packet, probe);
  }

 private:
  [[nodiscard]] static unsigned source_of(const FlowProbe& probe) noexcept { return probe.source_is_first ? 0 : 1; }

  bool drop(Packet* packet, DropReason reason) noexcept {
    worker_.drop(packet, reason);
    return false;
  }

  // By the policy of this moment. With the one that the burst began with, a flow could be marked as decided by a policy
  // that has come since, and nothing would ever correct it.
  FlowDecision decide(const FlowKey& key, unsigned opener, FlowPhase phase) noexcept {
    policy_ = tables_.policy.version();
    return decide_flow(tables_, policy_, key, opener, phase);
  }

  // --- known flows ---

  bool admit_known(Packet* packet, FlowProbe& probe) noexcept {
    FlowEntry& entry = *probe.entry;
    const bool from_opener = entry.opener == source_of(probe);
    const FlowDirection direction = from_opener ? FlowDirection::from_opener : FlowDirection::back;
    if (probe.protocol == static_cast<std::uint8_t>(IpProtocol::tcp)) {
      const TcpOutcome outcome = step_tcp(entry, direction, probe.tcp_flags);
      if (outcome == TcpOutcome::invalid) return drop(packet, DropReason::out_of_state);
      if (outcome == TcpOutcome::reopens) return admit_new(packet, probe);
    } else if (!from_opener && entry.state.load(std::memory_order_relaxed) == 0) {
      entry.state.store(1, std::memory_order_relaxed);
    }
    if (is_outdated(tables_, entry)) [[unlikely]] {
      if (ends_with_former_peer(entry)) {
        probe.entry = nullptr;
        return admit_new(packet, probe);
      }
      if (!decide_again(packet, entry)) return false;
    }
    if (!from_opener && is_icmp_request(probe)) [[unlikely]]
      return admit_crossing_request(packet, probe);
    return charge(packet, entry, direction);
  }

  // Of ICMP only requests open; everything that has a flow already and is none is a reply or an error.
  [[nodiscard]] static bool is_icmp_request(const FlowProbe& probe) noexcept {
    const bool is_icmp =
        probe.protocol == static_cast<std::uint8_t>(probe.key.is_v4 != 0 ? IpProtocol::icmp : IpProtocol::icmpv6);
    return is_icmp && probe.kind == ProbeKind::opens;
  }

  // An echo request against the direction of a flow with the same identifier is no answer to it: its sender needs a
  // right of its own. (Two hosts that ping each other may well use the same one.)
  bool admit_crossing_request(Packet* packet, const FlowProbe& probe) noexcept {
    const unsigned source = source_of(probe);
    const FlowDecision decision = decide(probe.key, source, FlowPhase::begins);
    if (!decision.verdict.allowed) return deny(packet, probe.key, source, probe.hash, decision);
    return charge(packet, *probe.entry, FlowDirection::back);
  }

  TcpOutcome step_tcp(FlowEntry& entry, FlowDirection direction, std::uint8_t flags) noexcept {
    std::uint32_t word = entry.state.load(std::memory_order_relaxed);
    while (true) {
      const TcpStep step = track_tcp(word, direction, flags);
      if (step.outcome != TcpOutcome::passes || step.word == word) return step.outcome;
      // The word is all that it tells, so relaxed. Fails only when the other direction's worker was faster, and a
      // state moves a few times in all.
      if (entry.state.compare_exchange_weak(word, step.word, std::memory_order_relaxed)) return step.outcome;
    }
  }

  void end(FlowEntry& entry, abi::FlowEnd why) noexcept {
    abi::FlowEnd none = abi::FlowEnd::none;
    if (entry.end.compare_exchange_strong(none, why, std::memory_order_relaxed) && why == abi::FlowEnd::revoked)
      worker_.counters.add(abi::no_port, Counter::flows_revoked);
  }

  // A flow of a peer that is gone, whose number another one has: nothing that belongs to it reaches the new owner.
  bool ends_with_former_peer(FlowEntry& entry) noexcept {
    if (!is_of_former_peer(tables_, entry)) return false;
    end(entry, abi::FlowEnd::peer_removed);
    return true;
  }

  // Asks the policy again, in the direction that opened the flow. False: it lost its right, and the packet is dropped.
  bool decide_again(Packet* packet, FlowEntry& entry) noexcept {
    const FlowDecision decision = decide(entry.key, entry.opener, FlowPhase::goes_on);
    if (decision.verdict.allowed) {
      store_decision(entry, decision, policy_.image->generation);
      return true;
    }
    end(entry, abi::FlowEnd::revoked);
    return deny(packet, entry.key, entry.opener, tables_.flows.hash(entry.key), decision);
  }

  enum class Sign : std::uint8_t { of_life, of_trouble };  // trouble does not keep a flow: RFC 5508 section 4.2

  // The rate, and everything that is counted. False: dropped, or held until its rate lets it go.
  bool charge(Packet* packet, FlowEntry& entry, FlowDirection direction, Sign sign = Sign::of_life) noexcept {
    if (meta_of(packet).passed_policy) [[unlikely]]
      return let_go(packet, entry, direction);
    FlowLine& line = entry.line(direction);
    const std::uint32_t rule_number = line.rule.load(std::memory_order_relaxed);
    const std::uint32_t bytes = bytes_of_packet(packet);
    std::uint64_t wait_ticks = 0;
    if (const RuleEntry& rule = policy_.image->rule(rule_number); rule.has_rate) {
      std::uint32_t slot = line.rate_slot.load(std::memory_order_relaxed);
      const std::uint32_t before = slot;
      const RateKey key = RateKey::of(line.rate_identity.load(std::memory_order_relaxed), rule_number);
      const RateVerdict verdict = tables_.rates.take(slot, key, direction, bytes, rule.rate, worker_.now_tsc);
      const bool has_room = verdict.wait_ticks == 0 || worker_.flow.shaped.size() < DelayWheel::max_packets;
      if (verdict.result != RateResult::conforms || !has_room) {
        worker_.flow.rules.limited(rule_number);
        return drop(packet, DropReason::rate_limited);
      }
      wait_ticks = verdict.wait_ticks;
      if (slot != before) line.rate_slot.store(slot, std::memory_order_relaxed);
    }
    worker_.flow.rules.allowed(rule_number, bytes);
    if (const std::uint32_t audit = line.audit_rule.load(std::memory_order_relaxed); audit != 0) [[unlikely]] {
      worker_.flow.rules.denied(audit);
      worker_.counters.add(meta_of(packet).rx_port, Counter::audited);
    }
    add(line.packets, 1);
    add(line.bytes, bytes);
    if (sign == Sign::of_life) line.last_seen_tsc.store(worker_.now_tsc, std::memory_order_relaxed);
    if (meta_of(packet).ip.is_fragment) [[unlikely]]
      remember_fragment(packet, entry, direction);
    return wait_ticks == 0 || !wait_for_rate(packet, wait_ticks);
  }

  // What was held has been charged, and its right is still there. Its later fragments may come to another worker now.
  bool let_go(Packet* packet, FlowEntry& entry, FlowDirection direction) noexcept {
    if (meta_of(packet).ip.is_fragment) remember_fragment(packet, entry, direction);
    return true;
  }

  // True: it is held.
  bool wait_for_rate(Packet* packet, std::uint64_t wait_ticks) noexcept {
    worker_.mark_held(packet);
    meta_of(packet).passed_policy = true;
    return worker_.flow.shaped.hold(packet, worker_.now_tsc + wait_ticks, worker_.now_tsc);
  }

  static void add(std::atomic<std::uint64_t>& value, std::uint64_t amount) noexcept {
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  // --- new flows ---

  // probe.entry: a flow with the same key that ends if this one begins; null: none.
  bool admit_new(Packet* packet, FlowProbe& probe) noexcept {
    const bool is_tcp = probe.protocol == static_cast<std::uint8_t>(IpProtocol::tcp);
    const bool picked_up = probe.kind == ProbeKind::continues && is_tcp && tcp_may_pick_up(probe.tcp_flags) &&
                           worker_.now_tsc < policy_.image->pick_up_until_tsc;
    if (probe.kind == ProbeKind::continues && !picked_up) return drop(packet, DropReason::out_of_state);
    unsigned opener = source_of(probe);
    const FlowPhase phase = picked_up ? FlowPhase::goes_on : FlowPhase::begins;
    FlowDecision decision = decide(probe.key, opener, phase);
    // Whoever it was that opened it, the sender pays: others must not use up what is somebody's.
    const std::uint32_t flow_identity = decision.flow_identity;
    // Who sends in the middle of a connection may not be who opened it.
    if (picked_up && !decision.verdict.allowed) {
      opener = 1 - opener;
      decision = decide(probe.key, opener, phase);
    }
    if (!decision.verdict.allowed) {
      // No RST and no event: which direction would they be about?
      if (picked_up) return drop(packet, DropReason::out_of_state);
      return deny(packet, probe.key, opener, probe.hash, decision);
    }
    const RouteEntry& destination = tables_.routes.entry(static_cast<RouteIndex>(meta_of(packet).destination_route));
    // What leads nowhere is answered by the route stage, and is no flow.
    if (destination.kind == NextHopKind::none || destination.kind == NextHopKind::blackhole) return true;

    if (probe.entry != nullptr) end(*probe.entry, abi::FlowEnd::closed);
    const FlowDirection direction = opener == source_of(probe) ? FlowDirection::from_opener : FlowDirection::back;
    const std::uint32_t state = is_tcp ? track_tcp(0, direction, probe.tcp_flags).word : 0;
    const auto fill = [&](FlowEntry& entry) {
      for (FlowLine* line : {&entry.forward, &entry.back}) {
        line->packets.store(0, std::memory_order_relaxed);
        line->bytes.store(0, std::memory_order_relaxed);
        line->last_seen_tsc.store(worker_.now_tsc, std::memory_order_relaxed);
        line->rate_slot.store(no_rate_slot, std::memory_order_relaxed);
      }
      entry.state.store(state, std::memory_order_relaxed);
      entry.opener = static_cast<std::uint8_t>(opener);
      for (unsigned i = 0; i < 2; ++i) entry.lives[i] = life_of(tables_, probe.key.ends[i]);
      entry.session_index = meta_of(packet).opened_session;
      entry.started_tsc.store(worker_.now_tsc, std::memory_order_relaxed);
      store_decision(entry, decision, policy_.image->generation);
    };
    const FlowTable::Creation creation = tables_.flows.create(worker_.id, probe.key, probe.hash, flow_identity, fill);
    switch (creation.how) {
      case FlowTable::Created::over_quota:
        return drop(packet, DropReason::flow_quota);
      case FlowTable::Created::full:
        return drop(packet, DropReason::flow_table_full);
      case FlowTable::Created::existed:
        return admit_to_twin(packet, probe, *creation.entry);
      case FlowTable::Created::created:
        break;
    }
    worker_.counters.add(meta_of(packet).rx_port, Counter::flows_opened);
    if (is_told(decision.verdict))
      tell(FlowNoteKind::allowed, record_of(probe.key, opener, decision.verdict, policy_.image->generation),
           meta_of(packet).opened_session);
    return charge(packet, *creation.entry, direction);
  }

  // Another worker's packet was faster, perhaps the other way. This one's sender has a right to open a flow of its own.
  bool admit_to_twin(Packet* packet, FlowProbe& probe, FlowEntry& twin) noexcept {
    probe.entry = &twin;
    const FlowDirection direction = direction_of(twin, probe);
    const bool is_tcp = probe.protocol == static_cast<std::uint8_t>(IpProtocol::tcp);
    if (is_tcp && step_tcp(twin, direction, probe.tcp_flags) == TcpOutcome::invalid)
      return drop(packet, DropReason::out_of_state);
    return charge(packet, twin, direction);
  }

  // Of flows that begin: those of a rule with log = "all", and those that an audit rule would have denied.
  [[nodiscard]] bool is_told(const PolicyDecision& verdict) const noexcept {
    return policy_.image->rule(verdict.rule).log == abi::RuleLog::all ||
           (verdict.audit_rule != 0 && policy_.image->rule(verdict.audit_rule).log != abi::RuleLog::none);
  }

  [[nodiscard]] static FlowDirection direction_of(const FlowEntry& entry, const FlowProbe& probe) noexcept {
    return entry.opener == source_of(probe) ? FlowDirection::from_opener : FlowDirection::back;
  }

  bool deny(Packet* packet, const FlowKey& key, unsigned opener, std::uint64_t hash,
            const FlowDecision& decision) noexcept {
    const PolicyDecision& verdict = decision.verdict;
    const RuleEntry& rule = policy_.image->rule(verdict.rule);
    worker_.flow.rules.denied(verdict.rule);
    if ((rule.log != abi::RuleLog::none || policy_.image->record_flows) &&
        worker_.flow.denials.is_news(hash, verdict.rule, worker_.now_tsc)) {
      abi::FlowRecord record = record_of(key, opener, verdict, policy_.image->generation);
      record.end = decision.is_draining ? abi::FlowEnd::endpoint_draining : abi::FlowEnd::denied;
      record.packets[0] = 1;
      record.bytes[0] = bytes_of_packet(packet);
      tell(FlowNoteKind::denied, record, meta_of(packet).opened_session);
    }
    if (meta_of(packet).ip.is_fragment && meta_of(packet).ip.first_fragment) [[unlikely]]
      forget_fragment(packet);
    if (decision.is_draining) return drop(packet, DropReason::endpoint_draining);
    if (!rule.reject) return drop(packet, DropReason::denied);
    const bool is_tcp = key.protocol == static_cast<std::uint8_t>(IpProtocol::tcp);
    worker_.drop_with_icmp(packet, DropReason::denied,
                           {.kind = IcmpErrorKind::administratively_prohibited, .as_tcp_reset = is_tcp});
    return false;
  }

  void tell(FlowNoteKind kind, abi::FlowRecord record, std::uint32_t session_index) noexcept {
    record.started_at_ns = record.last_seen_at_ns = worker_.now_tsc;
    record.session_index = session_index;
    const bool is_denial = kind == FlowNoteKind::denied;
    // Denials leave half of the ring to the others: anybody can make as many as they like.
    const bool has_room = !is_denial || worker_.flow.notes.backlog() < FlowNoteRing::slots_count / 2;
    const FlowNote note{
        .flow = record, .suppressed = is_denial ? worker_.flow.denials.suppressed() : 0, .kind = kind, .reserved = 0};
    if (!has_room || worker_.flow.notes.push(note) != abi::RingResult::ok) {
      if (is_denial) worker_.flow.denials.suppress();
      worker_.counters.add(abi::no_port, Counter::events_lost);
    } else if (is_denial) {
      worker_.flow.denials.forget_suppressed();
    }
  }

  // --- ICMP errors ---

  bool admit_report(Packet* packet, FlowProbe& probe) noexcept {
    FlowEntry* entry = tables_.flows.find(probe.key, probe.hash);
    if (entry == nullptr) return drop(packet, DropReason::icmp_unrelated);
    if (is_outdated(tables_, *entry)) {
      if (ends_with_former_peer(*entry)) return drop(packet, DropReason::icmp_unrelated);
      if (!decide_again(packet, *entry)) return false;
    }
    // The probe's source is that of the quoted packet: the error goes the other way.
    const FlowDirection quoted = direction_of(*entry, probe);
    return charge(packet, *entry,
                  quoted == FlowDirection::from_opener ? FlowDirection::back : FlowDirection::from_opener,
                  Sign::of_trouble);
  }

  // --- fragments ---

  [[nodiscard]] InnerFragmentKey fragment_key(Packet* packet) const noexcept {
    return InnerFragmentKey::of(source_end_of(meta_of(packet)), bytes_of(packet), meta_of(packet).ip);
  }

  void remember_fragment(Packet* packet, const FlowEntry& entry, FlowDirection direction) noexcept {
    const ParsedIp& ip = meta_of(packet).ip;
    if (!ip.first_fragment) return;
    const FragmentVerdict verdict{.flow = tables_.flows.number_of(entry),
                                  .from_opener = direction == FlowDirection::from_opener,
                                  .allowed = true,
                                  .started = start_of(entry)};
    settle_fragments(packet, verdict);
  }
  [[nodiscard]] static std::uint32_t start_of(const FlowEntry& entry) noexcept {
    return static_cast<std::uint32_t>(entry.started_tsc.load(std::memory_order_relaxed)) & 0x3fffffff;
  }
  // The later ones of a datagram whose first fragment was denied shall not wait.
  void forget_fragment(Packet* packet) noexcept {
    settle_fragments(packet, {.flow = 0, .from_opener = false, .allowed = false, .started = 0});
  }
  void settle_fragments(Packet* packet, const FragmentVerdict& verdict) noexcept {
    const InnerFragmentKey key = fragment_key(packet);
    worker_.flow.fragments.remember(key, verdict.pack(), fragment_payload_bytes(meta_of(packet).ip), worker_.now_tsc);
    std::array<void*, HeldFragments::max_held_per_datagram> held;
    const std::size_t count = worker_.flow.held.take_held(key, held);
    for (std::size_t i = 0; i < count; ++i) {
      auto* const fragment = static_cast<Packet*>(held[i]);
      if (worker_.flow.released.room() == 0)
        worker_.drop(fragment, DropReason::fragment_refused);
      else
        worker_.flow.released.push(fragment);
    }
  }

  bool admit_later_fragment(Packet* packet, const FlowProbe&) noexcept {
    const InnerFragmentKey key = fragment_key(packet);
    const ParsedIp& ip = meta_of(packet).ip;
    const auto known = worker_.flow.fragments.find(key, ip.fragment_offset_bytes, worker_.now_tsc);
    if (!known) {
      worker_.mark_held(packet);
      if (worker_.flow.held.hold(key, packet, worker_.now_tsc)) return false;
      return drop(packet, DropReason::fragment_refused);
    }
    const FragmentVerdict verdict = FragmentVerdict::unpack(*known);
    if (!verdict.allowed) return drop(packet, DropReason::denied);
    FlowEntry& entry = tables_.flows.entry(verdict.flow);
    // The number was kept over quiescent states, so the entry may be another flow's by now, or become one this moment.
    // Acquire: if it lives a new life, its new start is seen.
    const bool is_live = entry.end.load(std::memory_order_acquire) == abi::FlowEnd::none;
    if (!is_live || start_of(entry) != verdict.started) return drop(packet, DropReason::fragment_refused);
    if (is_outdated(tables_, entry)) {
      if (ends_with_former_peer(entry)) return drop(packet, DropReason::fragment_refused);
      if (!decide_again(packet, entry)) return false;
    }
    return charge(packet, entry, verdict.from_opener ? FlowDirection::from_opener : FlowDirection::back);
  }

  Worker& worker_;
  Tables& tables_;
  PolicyTable::Version policy_;  // valid until the end of the burst
};

}  // namespace

void apply_policy(Worker& worker, Batch& packets) noexcept {
  const PolicyTable::Version policy = worker.tables.policy.version();
  if (policy.image != nullptr && policy.image->allow_all) return;
  Gate gate(worker, policy);
  std::array<FlowProbe, group> probes;
  std::array<bool, group> is_probed;
  unsigned kept = 0;
  for (unsigned begin = 0; begin < packets.size(); begin += group) {
    const unsigned count = std::min(group, packets.size() - begin);
    // 1. The keys, and their buckets on the way; 2. the entries on the way; 3. one after the other.
    for (unsigned i = 0; i < count; ++i) {
      Packet* packet = packets[begin + i];
      const PacketMeta& meta = meta_of(packet);
      is_probed[i] = false;
      if (meta.is_trusted) continue;
      if (policy.image == nullptr) {
        worker.drop(packet, DropReason::denied);
        packets[begin + i] = nullptr;
        continue;
      }
      const RouteEntry& destination = worker.tables.routes.entry(static_cast<RouteIndex>(meta.destination_route));
      const DropReason reason = probe_flow(packet, destination, probes[i]);
      if (reason != DropReason::count) {
        worker.drop(packet, reason);
        packets[begin + i] = nullptr;
        continue;
      }
      is_probed[i] = true;
      if (probes[i].kind == ProbeKind::later_fragment) continue;
      probes[i].hash = worker.tables.flows.hash(probes[i].key);
      worker.tables.flows.prefetch(probes[i].hash);
      for (const std::uint32_t end : probes[i].key.ends)
        if (is_peer_end(end)) __builtin_prefetch(&worker.tables.peers[end]);
    }
    for (unsigned i = 0; i < count; ++i) {
      if (!is_probed[i] || probes[i].kind == ProbeKind::later_fragment) continue;
      worker.tables.flows.prefetch_entry(probes[i].hash);
    }
    for (unsigned i = 0; i < count; ++i) {
      Packet* packet = packets[begin + i];
      if (packet == nullptr || (is_probed[i] && !gate.admit(packet, probes[i]))) continue;
      packets[kept++] = packet;
    }
  }
  packets.truncate(kept);
}

}  // namespace sallyport::dataplane
