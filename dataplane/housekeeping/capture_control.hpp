// A capture from its command to its end: tells the threads' taps what is wanted, moves their copies into the ring to
// the control plane, and stops by itself when the bound is reached, or when the control plane that asked is gone.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/statistics.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/pipeline/capture_tap.hpp"

namespace sallyport::dataplane {

class CaptureControl {
 public:
  static constexpr unsigned most_copies_per_poll = 256;  // of each tap

  // The taps of all threads; they outlive this object.
  CaptureControl(HousekeepingContext& context, abi::StatisticsHeader& statistics, std::vector<CaptureTap*> taps);

  // A valid command. Replaces a capture that runs; capture_id 0 or max_packets 0 ends it.
  void apply(const abi::SetCapture& command) noexcept;
  // Moves copies on. Bounded; every turn.
  void poll() noexcept;
  // Ends the capture and frees every copy on its way: before the taps go.
  void end() noexcept;
  [[nodiscard]] bool is_running() const noexcept { return capture_id_ != 0; }

 private:
  void stop() noexcept;
  void pass_on(Packet* copy) noexcept;

  HousekeepingContext& context_;
  abi::StatisticsHeader& statistics_;
  CaptureFilter& filter_;
  std::vector<CaptureTap*> taps_;
  std::uint32_t capture_id_ = 0;
  std::uint32_t remaining_ = 0;
  std::uint64_t started_tsc_ = 0;
  std::uint64_t generation_ = 0;  // of the link when the capture began
};

// The buffers of captures: a pool of their own, so that one can never exhaust those of traffic. Null: no memory.
// `threads`: as many taps will use it.
[[nodiscard]] rte_mempool* create_capture_pool(unsigned threads) noexcept;

}  // namespace sallyport::dataplane
