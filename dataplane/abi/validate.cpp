#include "dataplane/abi/validate.hpp"

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

constexpr std::uint8_t all_points = 31;

}  // namespace

bool valid(const SetTunnel& payload) noexcept {
  if (payload.tunnel_id >= max_tunnels || payload.listen_port == 0 || payload.mss_clamp > 1) return false;
  if (payload.mtu < 576 || payload.mtu > 9216 || payload.address_count > max_addresses) return false;
  for (unsigned i = 0; i < payload.address_count; ++i)
    if (!payload.addresses[i].valid()) return false;
  return true;
}

bool valid(const RemoveTunnel& payload) noexcept {
  return payload.tunnel_id < max_tunnels;
}

bool valid(const SetPeer& payload, const CommandLimits& limits) noexcept {
  return payload.peer_id < limits.max_peers && payload.tunnel_id < max_tunnels &&
         payload.source_class < limits.max_classes && payload.destination_class < limits.max_classes &&
         valid_endpoint_or_unset(payload.endpoint);
}

bool valid(const RemovePeer& payload, const CommandLimits& limits) noexcept {
  return payload.peer_id < limits.max_peers;
}

bool valid(const SetRoute& payload, const CommandLimits& limits) noexcept {
  if (!valid_network(payload.prefix) || payload.destination_class >= limits.max_classes) return false;
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

bool valid(const RemoveRoute& payload) noexcept {
  return valid_network(payload.prefix);
}

bool valid(const InstallSession& payload, const CommandLimits& limits) noexcept {
  if (payload.index == 0 || payload.session_id == 0 || payload.peer_id >= limits.max_peers) return false;
  if (payload.role != HandshakeRole::initiator && payload.role != HandshakeRole::responder) return false;
  if (payload.port_index != no_port && payload.port_index >= limits.port_count) return false;
  if (!valid_endpoint_or_unset(payload.local)) return false;
  return payload.endpoint.is_set() && valid_endpoint_or_unset(payload.endpoint);
}

bool valid(const RetireSession& payload) noexcept {
  return payload.index != 0 && payload.session_id != 0;
}

bool valid(const SetVerdictRow& payload, const CommandLimits& limits) noexcept {
  return payload.source_class < limits.max_classes &&
         (payload.verdict == Verdict::deny || payload.verdict == Verdict::allow);
}

bool valid(const RemoveVerdictRow& payload, const CommandLimits& limits) noexcept {
  return payload.source_class < limits.max_classes;
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
