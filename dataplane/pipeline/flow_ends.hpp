// Who stands at the ends of a flow, whether they are still the same, and the flow as events show it.
#pragma once

#include <cstdint>

#include "dataplane/pipeline/tables.hpp"

namespace sallyport::dataplane {

// 0 of what is no peer.
[[nodiscard]] inline std::uint8_t life_of(const Tables& tables, std::uint32_t end) noexcept {
  return is_peer_end(end) ? tables.peers[end].life.load(std::memory_order_relaxed) : std::uint8_t{0};
}

// Whether a peer at one of its ends is gone and another one has its number. Ask of outdated entries alone: whoever gets
// a number gets another epoch.
[[nodiscard]] inline bool is_of_former_peer(const Tables& tables, const FlowEntry& entry) noexcept {
  for (unsigned i = 0; i < 2; ++i)
    if (entry.lives[i] != life_of(tables, entry.key.ends[i])) return true;
  return false;
}

// A flow as events show it; times are TSC.
[[nodiscard]] abi::FlowRecord record_of(const FlowKey& key, unsigned opener, const PolicyDecision& verdict,
                                        std::uint32_t generation) noexcept;

}  // namespace sallyport::dataplane
