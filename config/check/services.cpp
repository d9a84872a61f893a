#include <algorithm>

#include "config/check/checks.hpp"
#include "config/peer_warnings.hpp"

namespace sallyport::config {
namespace {

void check_ipsec(Draft& draft) {
  const Config& config = draft.config;
  const auto& addresses = draft.ipsec_addresses;
  for (auto address = addresses.begin(); address != addresses.end(); ++address) {
    const Port* port = config.port_with(address->value);
    if (port == nullptr || port->role != PortRole::underlay)
      draft.errors.add(address->at,
                       "addresses: expected an own address of an underlay port, got " + address->value.to_string());
    if (std::any_of(addresses.begin(), address, [&](const auto& before) { return before.value == address->value; }))
      draft.errors.add(address->at, "addresses: " + address->value.to_string() + " stands here twice");
  }
  if (!config.ipsec && !config.ipsec_peers.empty())
    draft.errors.add(draft.position_of({Kind::ipsec_peer, 0}),
                     "ipsec_peer: expected an [ipsec] section with the gateway's addresses, got none");
  for (std::size_t i = 0; i < config.ipsec_peers.size(); ++i)
    if (config.ipsec_peers[i].remote && config.port_with(*config.ipsec_peers[i].remote) != nullptr)
      draft.errors.add(draft.position_of({Kind::ipsec_peer, i}, "remote"),
                       "remote: " + config.ipsec_peers[i].remote->to_string() + " is the gateway's own address");
}

void check_endpoints(Draft& draft) {
  for (std::size_t i = 0; i < draft.config.peers.size(); ++i) {
    const Peer& peer = draft.config.peers[i];
    if (!peer.endpoint || !peer.endpoint->literal) continue;
    const IpAddress& address = peer.endpoint->literal->address;
    const Position at = draft.position_of({Kind::peer, i}, "endpoint");
    const auto is_own = [&](const auto& own) { return own.value.address == address; };
    if (std::any_of(draft.interface_addresses.begin(), draft.interface_addresses.end(), is_own)) {
      draft.errors.add(at, "endpoint: " + address.to_string() + " is the gateway's own address");
    } else if (draft.all_roles_known) {
      if (const auto warning = endpoint_warning(draft.config, address)) draft.warnings.add(at, *warning);
    }
  }
  for (const auto& destination : draft.destinations)
    if (destination.owner.kind == Kind::peer && draft.all_roles_known)
      if (const auto warning = address_warning(draft.config, destination.value))
        draft.warnings.add(destination.at, *warning);
}

// Each of these files has one maker, and the two processes are not one user.
void check_own_files(Draft& draft) {
  const auto& dataplane = draft.config.dataplane;
  const auto& controlplane = draft.config.controlplane;
  const auto refuse = [&](std::string_view key, std::string_view other) {
    draft.errors.add(draft.position_of(draft.controlplane_table, key),
                     std::string(key) + ": expected a file of its own, got that of " + std::string(other));
  };
  if (controlplane.socket == dataplane.socket) refuse("socket", "[dataplane] socket");
  if (controlplane.state == dataplane.socket) refuse("state", "[dataplane] socket");
  if (controlplane.state == controlplane.socket) refuse("state", "[controlplane] socket");
  if (dataplane.user && dataplane.user == controlplane.user)
    draft.warnings.add(draft.position_of(draft.controlplane_table, "user"),
                       "user: is that of [dataplane], too: whoever took over the packet path could read the keys");
}

}  // namespace

void check_services(Draft& draft) {
  check_ipsec(draft);
  check_endpoints(draft);
  check_own_files(draft);
}

}  // namespace sallyport::config
