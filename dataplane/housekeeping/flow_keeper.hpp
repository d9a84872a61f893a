// The life of flows behind the packet path: takes away those that ended or fell silent, keeps the workers in free
// entries, tells the control plane what was denied, what began (log = "all") and what ended, and lists what lives. Each
// part does a bounded amount in a turn.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/abi/events.hpp"
#include "dataplane/abi/policy_commands.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/pipeline/flow_notes.hpp"

namespace sallyport::dataplane {

class FlowKeeper {
 public:
  FlowKeeper(HousekeepingContext& context, abi::StatisticsHeader& header);

  // Starts a listing, or stops it; a new one replaces the one before.
  void list(const abi::ListFlows& request) noexcept;
  void on_new_link() noexcept { listing_ = {}; }
  void poll() noexcept;
  void write_totals() noexcept;

 private:
  void take_notes() noexcept;
  void look_for_ended() noexcept;
  [[nodiscard]] bool is_over(FlowEntry& entry) noexcept;
  [[nodiscard]] bool tell_end(FlowEntry& entry) noexcept;
  void go_on_listing() noexcept;
  [[nodiscard]] bool is_wanted(const FlowEntry& entry) const noexcept;
  [[nodiscard]] abi::FlowRecord record(FlowEntry& entry) const noexcept;
  template <typename Event>
  bool tell(const Event& event, ControlLink::Mass mass = ControlLink::Mass::flows) noexcept;

  HousekeepingContext& context_;
  FlowTable& table_;
  abi::StatisticsHeader& header_;
  std::vector<abi::RingConsumer<FlowNoteRing>> notes_;
  abi::ListFlows listing_{};  // listing 0: none
  std::uint32_t listing_position_ = 0;
  std::uint32_t listed_ = 0;
  // The pass over all entries.
  std::uint32_t position_ = 0;
  std::uint64_t pass_started_at_ns_ = 0;
  bool in_pass_ = false;
};

}  // namespace sallyport::dataplane
