#include "dataplane/stages/flow_decision.hpp"

namespace sallyport::dataplane {
namespace {

// Hosts inside count their flows each for itself, or at least among few: by a hash into the identities behind the
// peers.
std::uint32_t inside_flow_identity(const Tables& tables, const FlowKey& key, unsigned which) noexcept {
  const std::uint64_t mixed =
      (key.addresses[2 * which] ^ key.addresses[2 * which + 1] * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL;
  return tables.peers.capacity() + static_cast<std::uint32_t>(mixed >> 32) % inside_flow_identities;
}

}  // namespace

FlowDecision decide_flow(const Tables& tables, const PolicyTable::Version& policy, const FlowKey& key, unsigned opener,
                         FlowPhase phase) noexcept {
  const PolicyImage& image = *policy.image;
  FlowDecision decision{.policy_epoch = policy.epoch};
  // Epochs before what they stand for: a change in between is noticed at the next packet.
  for (unsigned i = 0; i < 2; ++i) decision.peer_epochs[i] = epoch_of(tables, key.ends[i]);
  if (image.allow_all) {  // it came into force in the middle of a burst
    decision.verdict.allowed = true;
    return decision;
  }
  const unsigned other = 1 - opener;
  const AddressIndex& addresses = *image.addresses.load(std::memory_order_acquire);
  std::uint32_t source_class = 0, address_class = 0, opening_class = 0, peer_class = 0;
  if (is_peer_end(key.ends[opener])) {
    const PeerAccess& access = image.peers[key.ends[opener]];
    source_class = access.source_class.load(std::memory_order_relaxed);
    decision.rate_identity = decision.flow_identity = access.identity.load(std::memory_order_relaxed);
  } else {
    if (const AddressAccess* access = addresses.find(key.address(opener), key.is_v4 != 0)) {
      source_class = access->source_class.load(std::memory_order_relaxed);
      decision.rate_identity = access->identity;
    }
    decision.flow_identity = inside_flow_identity(tables, key, opener);
  }
  if (const AddressAccess* access = addresses.find(key.address(other), key.is_v4 != 0)) {
    address_class = access->destination_class.load(std::memory_order_relaxed);
    opening_class = access->opening_class.load(std::memory_order_relaxed);
  }
  if (is_peer_end(key.ends[other]))
    peer_class = image.peers[key.ends[other]].destination_class.load(std::memory_order_relaxed);
  const bool has_port = key.protocol == static_cast<std::uint8_t>(IpProtocol::tcp) ||
                        key.protocol == static_cast<std::uint8_t>(IpProtocol::udp) ||
                        key.protocol == static_cast<std::uint8_t>(IpProtocol::sctp);
  const std::uint16_t port = has_port ? key.ports[other] : std::uint16_t{0};
  decision.verdict = image.decide(source_class, address_class, peer_class, key.protocol, port);
  if (opening_class == 0 || phase == FlowPhase::goes_on || !decision.verdict.allowed) [[likely]]
    return decision;
  if (opening_class == closed_to_new_flows ||
      !image.decide(source_class, opening_class, peer_class, key.protocol, port).allowed) {
    decision.verdict = {};
    decision.is_draining = true;
  }
  return decision;
}

void store_decision(FlowEntry& entry, const FlowDecision& decision, std::uint32_t generation) noexcept {
  for (FlowLine* line : {&entry.forward, &entry.back}) {
    line->rule.store(decision.verdict.rule, std::memory_order_relaxed);
    line->audit_rule.store(decision.verdict.audit_rule, std::memory_order_relaxed);
    line->rate_identity.store(decision.rate_identity, std::memory_order_relaxed);
  }
  entry.generation.store(generation, std::memory_order_relaxed);
  for (unsigned i = 0; i < 2; ++i) entry.peer_epochs[i].store(decision.peer_epochs[i], std::memory_order_relaxed);
  // Release: whoever finds the entry up to date finds the decision.
  entry.policy_epoch.store(decision.policy_epoch, std::memory_order_release);
}

}  // namespace sallyport::dataplane
