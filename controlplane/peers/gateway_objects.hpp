// From the configuration to what the dataplane should hold and what the WireGuard service should know: pure
// translation, with ids for names, keys for files and addresses for DNS names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "controlplane/identity/peer.hpp"
#include "controlplane/peers/endpoint_names.hpp"
#include "controlplane/peers/gateway_keys.hpp"
#include "controlplane/peers/object_ids.hpp"
#include "controlplane/publisher/desired_state.hpp"
#include "controlplane/tunnels/service_settings.hpp"

namespace sallyport::controlplane {

struct GatewayObjects {
  DesiredState desired;
  ServiceSettings service;
};

// `floors` are the reserved timestamps of our own interfaces, by public key.
[[nodiscard]] GatewayObjects make_objects(const config::Config& configuration, std::span<const Peer> peers,
                                          const GatewayKeys& keys, const ObjectIds& ids, const EndpointNames& names,
                                          const std::map<PublicKey, wireguard::Tai64n>& floors);

// The same for one peer more: nothing if it has no id, tunnel or keys.
struct PeerObjects {
  Named<abi::SetPeer> peer;
  std::vector<Named<abi::SetRoute>> routes;
  PeerSettings service;
};
[[nodiscard]] std::optional<PeerObjects> make_peer_objects(const Peer& peer, const GatewayKeys& keys,
                                                           const ObjectIds& ids, const EndpointNames& names);

// A peer's configured endpoint as of now; unset: it has none, or its name is not resolved.
[[nodiscard]] IpEndpoint endpoint_of(const Peer& peer, const EndpointNames& names);
// Changes if and only if the endpoint does, and is the same for the control plane after the next restart, so that a
// restart does not send a peer that roamed back to its configured endpoint.
[[nodiscard]] std::uint32_t generation_of(const IpEndpoint& endpoint) noexcept;
// The DNS names among the endpoints.
[[nodiscard]] std::vector<std::string> endpoint_names(std::span<const Peer> peers);
// The families in which an outer packet can leave.
struct UnderlayFamilies {
  bool v4 = false, v6 = false;
};
[[nodiscard]] UnderlayFamilies underlay_families(const config::Config& configuration) noexcept;

}  // namespace sallyport::controlplane
