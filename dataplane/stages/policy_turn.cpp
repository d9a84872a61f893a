#include "dataplane/stages/policy_turn.hpp"

#include "dataplane/stages/first_fragments.hpp"
#include "dataplane/stages/flow_telling.hpp"

namespace sallyport::dataplane {

bool PolicyTurn::renew(Packet* packet, FlowEntry& entry) noexcept {
  const FlowDecision decision = decide(entry.key, entry.opener, FlowPhase::goes_on);
  if (decision.verdict.allowed) {
    store_decision(entry, decision, image().generation);
    return true;
  }
  end(entry, abi::FlowEnd::revoked);
  deny(packet, entry.key, entry.opener, tables.flows.hash(entry.key), decision);
  return false;
}

bool PolicyTurn::ends_with_former_peer(FlowEntry& entry) noexcept {
  if (!is_of_former_peer(tables, entry)) return false;
  end(entry, abi::FlowEnd::peer_removed);
  return true;
}

void PolicyTurn::end(FlowEntry& entry, abi::FlowEnd why) noexcept {
  abi::FlowEnd none = abi::FlowEnd::none;
  if (entry.end.compare_exchange_strong(none, why, std::memory_order_relaxed) && why == abi::FlowEnd::revoked)
    worker.counters.add(abi::no_port, Counter::flows_revoked);
}

void PolicyTurn::deny(Packet* packet, const FlowKey& key, unsigned opener, std::uint64_t hash,
                      const FlowDecision& decision) noexcept {
  const std::uint32_t rule = decision.verdict.rule;
  worker.flow.rules.denied(rule);
  tell_denied(worker, image(), packet, key, opener, hash, decision);
  // The later ones of a datagram whose first fragment was denied shall not wait.
  if (meta_of(packet).ip.is_fragment && meta_of(packet).ip.first_fragment) [[unlikely]]
    settle_fragments(worker, packet, {});
  if (decision.is_draining) return worker.drop(packet, DropReason::endpoint_draining);
  if (!image().rule(rule).reject) return worker.drop(packet, DropReason::denied);
  const bool is_tcp = key.protocol == static_cast<std::uint8_t>(IpProtocol::tcp);
  worker.drop_with_icmp(packet, DropReason::denied,
                        {.kind = IcmpErrorKind::administratively_prohibited, .as_tcp_reset = is_tcp});
}

}  // namespace sallyport::dataplane
