#include "dataplane/abi/validate.hpp"

#include <algorithm>

namespace sallyport::abi {
namespace {

bool valid_endpoint_or_unset(const IpEndpoint& endpoint) noexcept {
  if (!endpoint.valid()) return false;
  if (!endpoint.is_set()) return endpoint.port == 0;
  return endpoint.port != 0 && !endpoint.address.is_multicast() && !endpoint.address.is_unspecified();
}

bool valid_network(const IpPrefix& prefix) noexcept {
  return prefix.valid() && !prefix.has_host_bits();
}

bool valid_rules(const SessionRules& rules) noexcept {
  return rules.reject_after_s != 0 && rules.reject_after_s <= greatest_reject_after_s &&
         rules.rekey_after_packets != 0 && rules.reject_after_packets >= least_reject_after_packets &&
         rules.reject_after_packets <= greatest_reject_after_packets && rules.replay_window >= least_replay_window &&
         rules.replay_window <= greatest_replay_window;
}

constexpr std::uint8_t all_points = 31;

// The pieces of a list without a gap. An empty list is one empty piece.
template <typename Payload>
bool valid_piece(const Payload& payload, unsigned most) noexcept {
  return payload.count <= most && payload.offset <= payload.total && payload.count <= payload.total - payload.offset &&
         (payload.count != 0 || payload.total == 0);
}

}  // namespace

// Of these every value is good.
bool valid(const BeginSync& /*payload*/, const CommandLimits& /*limits*/) noexcept {
  return true;
}

bool valid(const EndSync& /*payload*/, const CommandLimits& /*limits*/) noexcept {
  return true;
}

bool valid(const SetCookieSecrets& /*payload*/, const CommandLimits& /*limits*/) noexcept {
  return true;
}

bool valid(const SetTunnel& payload, const CommandLimits& /*limits*/) noexcept {
  if (payload.tunnel_id >= max_tunnels || payload.listen_port == 0 || payload.mss_clamp > 1 || payload.udp_checksum > 1)
    return false;
  if (payload.protocol != TunnelProtocol::wireguard) return false;
  if (payload.mtu < 576 || payload.mtu > 9216 || payload.address_count > max_addresses) return false;
  for (unsigned i = 0; i < payload.address_count; ++i)
    if (!payload.addresses[i].valid()) return false;
  return true;
}

bool valid(const RemoveTunnel& payload, const CommandLimits& /*limits*/) noexcept {
  return payload.tunnel_id < max_tunnels;
}

bool valid(const SetPeer& payload, const CommandLimits& limits) noexcept {
  return payload.peer_id < limits.max_peers && payload.tunnel_id < max_tunnels &&
         valid_endpoint_or_unset(payload.endpoint);
}

bool valid(const RemovePeer& payload, const CommandLimits& limits) noexcept {
  return payload.peer_id < limits.max_peers;
}

bool valid(const SetRoute& payload, const CommandLimits& limits) noexcept {
  if (!valid_network(payload.prefix)) return false;
  switch (payload.route_kind) {
    case RouteKind::peer:
      return payload.peer_id < limits.max_peers;
    case RouteKind::via:
      return payload.via.is_set() && payload.via.valid() && payload.via.family == payload.prefix.address.family;
    case RouteKind::blackhole:
      return true;
  }
  return false;
}

bool valid(const RemoveRoute& payload, const CommandLimits& /*limits*/) noexcept {
  return valid_network(payload.prefix);
}

bool valid(const InstallSession& payload, const CommandLimits& limits) noexcept {
  if (payload.index == 0 || payload.session_id == 0 || payload.peer_id >= limits.max_peers) return false;
  if (payload.role != HandshakeRole::initiator && payload.role != HandshakeRole::responder) return false;
  if (payload.port_index != no_port && payload.port_index >= limits.port_count) return false;
  if (payload.cipher != SessionCipher::chacha20_poly1305 || !valid_rules(payload.rules)) return false;
  if (!valid_endpoint_or_unset(payload.local)) return false;
  return payload.endpoint.is_set() && valid_endpoint_or_unset(payload.endpoint);
}

bool valid(const RetireSession& payload, const CommandLimits& /*limits*/) noexcept {
  return payload.index != 0 && payload.session_id != 0;
}

bool valid(const BeginPolicy& payload, const CommandLimits& /*limits*/) noexcept {
  return payload.image != 0 && payload.allow_all <= 1 && payload.record_flows <= 1;
}

bool valid(const CommitPolicy& payload, const CommandLimits& /*limits*/) noexcept {
  return payload.image != 0;
}

bool valid(const SetRule& payload, const CommandLimits& /*limits*/) noexcept {
  return payload.number != 0 && payload.number < max_rules && payload.rank != no_rank &&
         payload.action <= RuleAction::audit && payload.log <= RuleLog::all && payload.reject <= 1 &&
         payload.rate_bits_per_s <= max_rate_bits_per_s;
}

bool valid(const SetService& payload, const CommandLimits& /*limits*/) noexcept {
  if (payload.number == 0 || payload.number >= max_services || payload.port_count > max_service_ports) return false;
  return std::all_of(payload.ports.begin(), payload.ports.begin() + payload.port_count, [](const PortRange& range) {
    return range.protocol <= any_protocol && range.first <= range.last;
  });
}

bool valid(const SetSourceClass& payload, const CommandLimits& limits) noexcept {
  if (payload.number == 0 || payload.number >= limits.max_classes || payload.total > max_services) return false;
  if (!valid_piece(payload, row_entries_per_piece)) return false;
  for (unsigned i = 0; i < payload.count; ++i) {
    const RowEntry& entry = payload.entries[i];
    if (entry.service == 0 || (entry.service >= max_services && entry.service != any_service)) return false;
    if (entry.rule >= max_rules || entry.audit_rule >= max_rules) return false;
    if (i > 0 && payload.entries[i - 1].service >= entry.service) return false;
  }
  return true;
}

bool valid(const RemoveSourceClass& payload, const CommandLimits& limits) noexcept {
  return payload.number != 0 && payload.number < limits.max_classes;
}

bool valid(const SetDestinationClass& payload, const CommandLimits& limits) noexcept {
  if (payload.number == 0 || payload.number >= limits.max_classes || payload.total > max_services) return false;
  if (!valid_piece(payload, services_per_piece)) return false;
  for (unsigned i = 0; i < payload.count; ++i) {
    if (payload.services[i] == 0 || payload.services[i] >= max_services) return false;
    if (i > 0 && payload.services[i - 1] >= payload.services[i]) return false;
  }
  return true;
}

bool valid(const RemoveDestinationClass& payload, const CommandLimits& limits) noexcept {
  return payload.number != 0 && payload.number < limits.max_classes;
}

bool valid(const Access& access, const CommandLimits& limits) noexcept {
  if (access.source_class >= limits.max_classes || access.step_count > max_access_steps) return false;
  for (unsigned i = 0; i < access.step_count; ++i) {
    if (access.steps[i].next_class >= limits.max_classes) return false;
    if (i > 0 && access.steps[i - 1].not_after_ns >= access.steps[i].not_after_ns) return false;
  }
  return true;
}

bool valid(const SetAddress& payload, const CommandLimits& limits) noexcept {
  return valid_network(payload.prefix) && valid(payload.access, limits) &&
         payload.destination_class < limits.max_classes && payload.opening_class < limits.max_classes &&
         payload.draining <= 1 && (payload.draining == 0 || payload.opening_class == 0);
}

bool valid(const RemoveAddress& payload, const CommandLimits& /*limits*/) noexcept {
  return valid_network(payload.prefix);
}

bool valid(const SetPeerAccess& payload, const CommandLimits& limits) noexcept {
  return payload.peer_id < limits.max_peers && payload.identity < limits.max_peers && valid(payload.access, limits) &&
         payload.destination_class < limits.max_classes;
}

bool valid(const ListFlows& payload, const CommandLimits& limits) noexcept {
  return (payload.peer_id == no_peer || payload.peer_id < limits.max_peers) && payload.protocol <= any_protocol &&
         payload.rule < max_rules && (!payload.address.address.is_set() || valid_network(payload.address)) &&
         payload.address.address.valid();
}

bool valid(const ForgetTimestamp& payload, const CommandLimits& limits) noexcept {
  return payload.peer_id < limits.max_peers;
}

bool valid(const SetCapture& payload, const CommandLimits& limits) noexcept {
  if (payload.capture_id == 0) return true;
  return (payload.peer_id == no_peer || payload.peer_id < limits.max_peers) &&
         (payload.port_index == no_port || payload.port_index < limits.port_count) &&
         payload.snap_bytes <= capture_snap_bytes && payload.points != 0 && (payload.points & ~all_points) == 0 &&
         payload.any_drop_reason <= 1 && (payload.any_drop_reason == 1 || payload.drop_reason < DropReason::count);
}

bool valid(const PacketDown& packet) noexcept {
  return packet.version == version && packet.length_bytes > 0 && packet.length_bytes <= packet_slot_data_bytes &&
         packet.tunnel_id < max_tunnels && packet.remote.is_set() && valid_endpoint_or_unset(packet.remote) &&
         packet.local.valid() &&
         (!packet.local.is_set() || packet.local.address.family == packet.remote.address.family);
}

}  // namespace sallyport::abi
