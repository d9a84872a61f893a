// What was decided about the first fragment of an inner datagram counts for its later ones, which have no ports. Those
// that come too early are held until the first one was judged.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/stages/flow_probe.hpp"

namespace sallyport::dataplane {

// What InnerFragments remembers of a first fragment.
struct FragmentVerdict {
  std::uint32_t flow = 0;
  bool from_opener = false;
  bool allowed = false;
  std::uint32_t started = 0;  // 30 bits of the flow's start: the entry may have another flow by now

  [[nodiscard]] static FragmentVerdict of(std::uint32_t flow_number, const FlowEntry& entry,
                                          FlowDirection direction) noexcept;
  // Whether the entry still has the flow that the first fragment belonged to.
  [[nodiscard]] bool is_of(const FlowEntry& entry) const noexcept;
};

// Sends the datagram's fragments that were held through the stages again. `verdict`: of a first fragment that was
// refused, the default one.
void settle_fragments(WorkerContext& worker, Packet* first, const FragmentVerdict& verdict) noexcept;

// None: the first fragment was not judged yet; `later` is held, or dropped if there is no room.
[[nodiscard]] std::optional<FragmentVerdict> recall_first_fragment(WorkerContext& worker, Packet* later) noexcept;

}  // namespace sallyport::dataplane
