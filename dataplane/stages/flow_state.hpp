// What one worker keeps for the policy stage besides the shared tables.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/abi/statistics.hpp"
#include "dataplane/forwarding/held_fragments.hpp"
#include "dataplane/forwarding/inner_fragments.hpp"
#include "dataplane/pipeline/flow_notes.hpp"
#include "dataplane/pipeline/packet.hpp"
#include "dataplane/stages/delay_wheel.hpp"
#include "dataplane/stages/denial_memory.hpp"

namespace sallyport::dataplane {

// The counters of the rules, which this worker alone writes: a row of abi::max_rules in the statistics segment.
class RuleCounts {
 public:
  explicit RuleCounts(abi::RuleCounters* row) noexcept : row_(row) {}
  void allowed(std::uint32_t rule, std::uint32_t bytes) noexcept {
    add(row_[rule].allowed_packets, 1);
    add(row_[rule].allowed_bytes, bytes);
  }
  void denied(std::uint32_t rule) noexcept { add(row_[rule].denied_packets, 1); }
  void limited(std::uint32_t rule) noexcept { add(row_[rule].limited_packets, 1); }

 private:
  static void add(std::atomic<std::uint64_t>& value, std::uint64_t amount) noexcept {
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  abi::RuleCounters* row_;
};

inline constexpr std::size_t inner_fragment_entries = 1024;

struct FlowState {
  FlowState(abi::RuleCounters* rule_row, FlowNoteRing* note_ring, std::uint64_t tsc_hz, std::uint64_t hash_seed)
      : rules(rule_row),
        fragment_memory(new InnerFragmentEntry[inner_fragment_entries]()),
        fragments({fragment_memory.get(), inner_fragment_entries}, tsc_hz, hash_seed),
        held(tsc_hz),
        shaped(tsc_hz),
        denials(tsc_hz),
        notes(note_ring) {}

  RuleCounts rules;
  std::unique_ptr<InnerFragmentEntry[]> fragment_memory;
  InnerFragments fragments;
  HeldFragments held;  // Packet*
  DelayWheel shaped;   // packets that wait for their rate
  DenialMemory denials;
  abi::RingProducer<FlowNoteRing> notes;
  // What was held and goes through the stages again: later fragments whose first one was decided, and what waited for
  // its rate.
  Batch released;

  [[nodiscard]] std::uint32_t packets_held() const noexcept { return held.size() + shaped.size(); }
};

}  // namespace sallyport::dataplane
