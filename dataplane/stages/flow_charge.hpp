// A packet of a flow that is allowed: its rate, and everything that is counted.
#pragma once

#include "dataplane/stages/first_fragments.hpp"
#include "dataplane/stages/policy_turn.hpp"

namespace sallyport::dataplane {

enum class Sign : std::uint8_t { of_life, of_trouble };  // trouble does not keep a flow: RFC 5508 section 4.2

namespace detail {

inline void add_to(std::atomic<std::uint64_t>& value, std::uint64_t amount) noexcept {
  value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

inline void remember_fragment(PolicyTurn& turn, Packet* packet, const FlowEntry& entry,
                              FlowDirection direction) noexcept {
  if (!meta_of(packet).ip.first_fragment) return;
  settle_fragments(turn.worker, packet, FragmentVerdict::of(turn.tables.flows.number_of(entry), entry, direction));
}

// False: over its rate. `wait_ticks` is 0 where the line has no rate, or is within it.
inline bool take_from_rate(PolicyTurn& turn, FlowLine& line, FlowDirection direction, std::uint32_t rule_number,
                           std::uint32_t bytes, std::uint64_t& wait_ticks) noexcept {
  wait_ticks = 0;
  const RuleEntry& rule = turn.image().rule(rule_number);
  if (!rule.has_rate) return true;
  std::uint32_t slot = line.rate_slot.load(std::memory_order_relaxed);
  const std::uint32_t before = slot;
  const RateKey key = RateKey::of(line.rate_identity.load(std::memory_order_relaxed), rule_number);
  const RateVerdict verdict = turn.tables.rates.take(slot, key, direction, bytes, rule.rate, turn.worker.now_tsc);
  const bool has_room = verdict.wait_ticks == 0 || turn.worker.flow.shaped.size() < DelayWheel::max_packets;
  if (verdict.result != RateResult::conforms || !has_room) return false;
  wait_ticks = verdict.wait_ticks;
  if (slot != before) line.rate_slot.store(slot, std::memory_order_relaxed);
  return true;
}

// True: it is held.
inline bool wait_for_rate(WorkerContext& worker, Packet* packet, std::uint64_t wait_ticks) noexcept {
  worker.mark_held(packet);
  meta_of(packet).passed_policy = true;
  return worker.flow.shaped.hold(packet, worker.now_tsc + wait_ticks, worker.now_tsc);
}

}  // namespace detail

// False: dropped, or held until its rate lets it go.
[[nodiscard]] inline bool charge(PolicyTurn& turn, Packet* packet, FlowEntry& entry, FlowDirection direction,
                                 Sign sign = Sign::of_life) noexcept {
  WorkerContext& worker = turn.worker;
  const PacketMeta& meta = meta_of(packet);
  if (meta.passed_policy) [[unlikely]] {
    // What was held has been charged, and its right is still there. Its later fragments may come to another worker now.
    if (meta.ip.is_fragment) detail::remember_fragment(turn, packet, entry, direction);
    return true;
  }
  FlowLine& line = entry.line(direction);
  const std::uint32_t rule_number = line.rule.load(std::memory_order_relaxed);
  const std::uint32_t bytes = meta.ip.total_bytes;
  std::uint64_t wait_ticks;
  if (!detail::take_from_rate(turn, line, direction, rule_number, bytes, wait_ticks)) {
    worker.flow.rules.limited(rule_number);
    return turn.drop(packet, DropReason::rate_limited);
  }
  worker.flow.rules.allowed(rule_number, bytes);
  if (const std::uint32_t audit = line.audit_rule.load(std::memory_order_relaxed); audit != 0) [[unlikely]] {
    worker.flow.rules.denied(audit);
    worker.counters.add(meta.rx_port, Counter::audited);
  }
  detail::add_to(line.packets, 1);
  detail::add_to(line.bytes, bytes);
  if (sign == Sign::of_life) line.last_seen_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  if (meta.ip.is_fragment) [[unlikely]]
    detail::remember_fragment(turn, packet, entry, direction);
  return wait_ticks == 0 || !detail::wait_for_rate(worker, packet, wait_ticks);
}

}  // namespace sallyport::dataplane
