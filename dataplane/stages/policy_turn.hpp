// The policy stage's questions to the policy during one burst, and its "no".
#pragma once

#include "dataplane/stages/flow_decision.hpp"

namespace sallyport::dataplane {

class PolicyTurn {
 public:
  // `version` has an image.
  PolicyTurn(WorkerContext& of_worker, const PolicyTable::Version& version) noexcept
      : worker(of_worker), tables(of_worker.tables), version_(version) {}

  WorkerContext& worker;
  Tables& tables;

  // The one that decided last; valid until the end of the burst.
  [[nodiscard]] const PolicyImage& image() const noexcept { return *version_.image; }

  // By the policy of this moment. With the one that the burst began with, a flow could be marked as decided by a policy
  // that has come since, and nothing would ever correct it.
  [[nodiscard]] FlowDecision decide(const FlowKey& key, unsigned opener, FlowPhase phase) noexcept {
    version_ = tables.policy.version();
    return decide_flow(tables, version_, key, opener, phase);
  }

  // Of an outdated flow: asks the policy again, in the direction that opened it. False: it lost its right, and the
  // packet is dropped.
  [[nodiscard]] bool renew(Packet* packet, FlowEntry& entry) noexcept;

  // Of an outdated flow: whether it is of a peer that is gone, whose number another one has. Nothing that belongs to it
  // reaches the new owner; it ends.
  [[nodiscard]] bool ends_with_former_peer(FlowEntry& entry) noexcept;

  void end(FlowEntry& entry, abi::FlowEnd why) noexcept;

  // Drops a packet of the flow that `opener` opened or would open: told, counted, and answered if the rule says so.
  void deny(Packet* packet, const FlowKey& key, unsigned opener, std::uint64_t hash,
            const FlowDecision& decision) noexcept;

  // The packet does not go on: for callers that say so in a word.
  bool drop(Packet* packet, DropReason reason) noexcept {
    worker.drop(packet, reason);
    return false;
  }

 private:
  PolicyTable::Version version_;
};

}  // namespace sallyport::dataplane
