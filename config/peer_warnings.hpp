// What a peer says that the ports of its gateway make useless: no error, but nothing that works either. The same for a
// peer of gateway.toml and of peers.d.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace sallyport::config {

// Why the gateway cannot call a peer at this address of another host: no underlay port has an address of its family, or
// a route to it. Tunnels are routed by the underlay alone, so an endpoint may lie inside the peer's own allowed_ips.
[[nodiscard]] std::optional<std::string> endpoint_warning(const Config& base, const IpAddress& endpoint);
// Why hosts of an inside port do not find this prefix of a peer: it lies in their own, and they ask their link for it.
[[nodiscard]] std::optional<std::string> address_warning(const Config& base, const IpPrefix& allowed_ip);
// All of a peer, each as a line with the place where the peer begins.
[[nodiscard]] std::vector<std::string> peer_warnings(const Config& base, const Peer& peer);

}  // namespace sallyport::config
