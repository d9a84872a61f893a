// Bytes as they may stand in the slots of a command ring and of a packets-down ring that a broken control plane writes.
// What passes read_payload() and valid() must hold nothing by which a table could be left.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "config/base/check.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/validate.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::abi;

constexpr CommandLimits limits{.max_peers = 1000, .max_sessions = 1024, .max_classes = 64, .port_count = 3};

void check(const IpEndpoint& endpoint) {
  SP_CHECK(endpoint.address.bits() == 0 || endpoint.address.bits() == 32 || endpoint.address.bits() == 128);
  SP_CHECK(endpoint.is_set() == (endpoint.port != 0));
}
void check(const IpPrefix& prefix) {
  SP_CHECK(prefix.address.is_set() && prefix.length <= prefix.address.bits());
  SP_CHECK(prefix.contains(prefix.address));
}

void check(const SetTunnel& tunnel) {
  SP_CHECK(tunnel.tunnel_id < max_tunnels && tunnel.address_count <= max_addresses && tunnel.mtu >= 576);
  SP_CHECK(tunnel.mss_clamp <= 1 && tunnel.udp_checksum <= 1);
  for (unsigned i = 0; i < tunnel.address_count; ++i) check(tunnel.addresses[i]);
}
void check(const SetPeer& peer) {
  SP_CHECK(peer.peer_id < limits.max_peers && peer.tunnel_id < max_tunnels);
  check(peer.endpoint);
}
void check(const SetRoute& route) {
  check(route.prefix);
  SP_CHECK(!route.prefix.has_host_bits());
  SP_CHECK(route.route_kind != RouteKind::peer || route.peer_id < limits.max_peers);
  SP_CHECK(route.route_kind != RouteKind::via || route.via.family == route.prefix.address.family);
}
void check(const InstallSession& session) {
  SP_CHECK(session.index != 0 && session.session_id != 0 && session.peer_id < limits.max_peers);
  SP_CHECK(session.port_index == no_port || session.port_index < limits.port_count);
  SP_CHECK(session.endpoint.is_set());
  SP_CHECK(session.rules.replay_window <= greatest_replay_window && session.rules.reject_after_s != 0);
  SP_CHECK(session.rules.reject_after_packets <= greatest_reject_after_packets);
  check(session.endpoint);
  check(session.local);
}
void check(const CommitPolicy& commit) {
  SP_CHECK(commit.image != 0);
}
void check(const BeginPolicy& begin) {
  SP_CHECK(begin.image != 0 && begin.allow_all <= 1);
}
void check(const SetRule& rule) {
  SP_CHECK(rule.number != 0 && rule.number < max_rules && static_cast<unsigned>(rule.action) <= 2);
  SP_CHECK(static_cast<unsigned>(rule.log) <= 2);
}
void check(const SetService& service) {
  SP_CHECK(service.number != 0 && service.number < max_services && service.port_count <= max_service_ports);
}
void check(const SetSourceClass& row) {
  SP_CHECK(row.number != 0 && row.number < limits.max_classes && row.count <= row_entries_per_piece);
  for (unsigned i = 0; i < row.count; ++i)
    SP_CHECK(row.entries[i].rule < max_rules && row.entries[i].audit_rule < max_rules);
}
void check(const SetDestinationClass& list) {
  SP_CHECK(list.number != 0 && list.number < limits.max_classes && list.count <= services_per_piece);
  for (unsigned i = 0; i < list.count; ++i) SP_CHECK(list.services[i] < max_services);
}
void check(const Access& access) {
  SP_CHECK(access.source_class < limits.max_classes && access.step_count <= max_access_steps);
  for (unsigned i = 0; i < access.step_count; ++i) SP_CHECK(access.steps[i].next_class < limits.max_classes);
}
void check(const SetAddress& address) {
  check(address.prefix);
  check(address.access);
  SP_CHECK(address.destination_class < limits.max_classes && address.opening_class < limits.max_classes);
  SP_CHECK(address.draining == 0 || (address.draining == 1 && address.opening_class == 0));
}
void check(const SetPeerAccess& peer) {
  SP_CHECK(peer.peer_id < limits.max_peers && peer.identity < limits.max_peers);
  check(peer.access);
}
void check(const ListFlows& listing) {
  SP_CHECK(listing.rule < max_rules);
  if (listing.address.address.is_set()) check(listing.address);
}
void check(const SetCapture& capture) {
  if (capture.capture_id == 0) return;
  SP_CHECK(capture.snap_bytes <= capture_snap_bytes && capture.points != 0 && capture.points < 32);
  SP_CHECK(capture.any_drop_reason == 1 || index_of(capture.drop_reason) < counter_count);
}
void check(const RemoveTunnel& removed) {
  SP_CHECK(removed.tunnel_id < max_tunnels);
}
void check(const RemovePeer& removed) {
  SP_CHECK(removed.peer_id < limits.max_peers);
}
void check(const RemoveRoute& removed) {
  check(removed.prefix);
}
void check(const RetireSession& retired) {
  SP_CHECK(retired.index != 0);
}
void check(const RemoveSourceClass& removed) {
  SP_CHECK(removed.number != 0 && removed.number < limits.max_classes);
}
void check(const RemoveDestinationClass& removed) {
  SP_CHECK(removed.number != 0 && removed.number < limits.max_classes);
}
void check(const RemoveAddress& removed) {
  check(removed.prefix);
}
void check(const ForgetTimestamp& forgotten) {
  SP_CHECK(forgotten.peer_id < limits.max_peers);
}

// Of a command without a check of its own nothing is used as an index.
template <typename Payload>
void check(const Payload& /*payload*/) {}

template <typename Payload>
void read(const Command& command) {
  Payload payload;
  if (!read_payload(command, payload)) return;
  if (valid(payload, limits)) check(payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Command command{};
  std::memcpy(static_cast<void*>(&command), data, std::min(size, sizeof command));
#define SALLYPORT_READ(number, name, Payload) read<Payload>(command);
  SALLYPORT_COMMANDS(SALLYPORT_READ)
#undef SALLYPORT_READ

  PacketDown packet{};
  std::memcpy(static_cast<void*>(&packet), data, std::min(size, sizeof packet));
  if (valid(packet)) {
    SP_CHECK(packet.length_bytes > 0 && packet.length_bytes <= packet.data.size() && packet.tunnel_id < max_tunnels);
    SP_CHECK(packet.remote.is_set());
    check(packet.remote);
  }
  return 0;
}
