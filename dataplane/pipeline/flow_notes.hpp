// What a worker tells housekeeping about flows: that one was denied, or that one of a rule with log = "all" began.
#pragma once

#include <cstdint>

#include "dataplane/abi/flow.hpp"
#include "dataplane/abi/spsc_ring.hpp"

namespace sallyport::dataplane {

enum class FlowNoteKind : std::uint32_t { denied = 1, allowed };

// Times are TSC here; housekeeping makes CLOCK_BOOTTIME of them.
struct FlowNote {
  abi::FlowRecord flow;
  std::uint64_t suppressed;
  FlowNoteKind kind;
  std::uint32_t reserved;
};

using FlowNoteRing = abi::SpscRing<FlowNote, 1024>;

}  // namespace sallyport::dataplane
