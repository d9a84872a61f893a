// The policy's answer about a flow: the same for its first packet and whenever it is decided anew.
#pragma once

#include "dataplane/pipeline/flow_ends.hpp"
#include "dataplane/stages/flow_probe.hpp"

namespace sallyport::dataplane {

struct FlowDecision {
  PolicyDecision verdict;
  std::uint32_t rate_identity = 0;  // whose rate it is, if the rule has one
  std::uint32_t flow_identity = 0;  // whose flows it counts among
  std::uint32_t policy_epoch = 0;
  std::array<std::uint32_t, 2> peer_epochs{};
  bool is_draining = false;  // it would be allowed, but the destination takes no new flows
};

// Of an endpoint that is draining, what goes on is judged as ever; what begins is not let in.
enum class FlowPhase : std::uint8_t { begins, goes_on };

// `opener` is the endpoint of the key that opens the flow: its access counts, and the other endpoint's classes.
// `policy` has an image.
[[nodiscard]] FlowDecision decide_flow(const Tables& tables, const PolicyTable::Version& policy, const FlowKey& key,
                                       unsigned opener, FlowPhase phase) noexcept;

// 0 of what is no peer.
[[nodiscard]] inline std::uint32_t epoch_of(const Tables& tables, std::uint32_t end) noexcept {
  return is_peer_end(end) ? tables.peers[end].access_epoch.load(std::memory_order_acquire) : 0;
}

// Whether anything that the entry was decided by may have changed.
[[nodiscard]] inline bool is_outdated(const Tables& tables, const FlowEntry& entry) noexcept {
  // Acquire: it was stored behind the rest of the decision.
  if (entry.policy_epoch.load(std::memory_order_acquire) != tables.policy.epoch()) return true;
  for (unsigned i = 0; i < 2; ++i)
    if (entry.peer_epochs[i].load(std::memory_order_relaxed) != epoch_of(tables, entry.key.ends[i])) return true;
  return false;
}

// Into a new entry, or into one that is decided anew.
void store_decision(FlowEntry& entry, const FlowDecision& decision, std::uint32_t generation) noexcept;

}  // namespace sallyport::dataplane
