#include "dataplane/pipeline/flow_ends.hpp"

namespace sallyport::dataplane {

abi::FlowRecord record_of(const FlowKey& key, unsigned opener, const PolicyDecision& verdict,
                          std::uint32_t generation) noexcept {
  const unsigned other = 1 - opener;
  const auto address = [&key](unsigned which) {
    return key.is_v4 != 0 ? IpAddress::v4_from_bytes(key.address(which)) : IpAddress::v6_from_bytes(key.address(which));
  };
  const auto peer = [&key](unsigned which) { return is_peer_end(key.ends[which]) ? key.ends[which] : abi::no_peer; };
  abi::FlowRecord record{.source = address(opener),
                         .destination = address(other),
                         .protocol = key.protocol,
                         .source_port = key.ports[opener],
                         .destination_port = key.ports[other],
                         .source_peer = peer(opener),
                         .destination_peer = peer(other),
                         .rule = verdict.rule,
                         .audit_rule = verdict.audit_rule,
                         .generation = generation,
                         .allowed = verdict.allowed,
                         .inside_port = abi::no_port};
  for (const std::uint32_t end : key.ends)
    if (!is_peer_end(end) && end != gateway_end) record.inside_port = static_cast<std::uint8_t>(end & 0xff);
  return record;
}

}  // namespace sallyport::dataplane
