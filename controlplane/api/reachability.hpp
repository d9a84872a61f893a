// Whether packets get to an inner address, and come from it, whatever the policy says: the inner route that leads
// there, and the tunnel behind it. A rule can help only where this does not say that nothing can.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/http/json_array.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane {

// Packets of tunnels take it. A [[route]] behind an underlay port is for the tunnels' own packets alone.
[[nodiscard]] bool is_inner(const config::Route& route, const config::Config& configuration);

// The longest inner route to an address.
struct InnerRoute {
  IpPrefix to;
  std::string_view kind;  // "peer", "connected", "default", "via" or "tunnel"
  std::string port, via, peer, tunnel;
};
// `peer` is whose address it is, as far as peers are concerned; null: nobody's.
[[nodiscard]] std::optional<InnerRoute> find_inner_route(const IpAddress& address, const Peer* peer,
                                                         const config::Config& configuration);

enum class End : std::uint8_t { source, destination };

struct Reachability {
  // "ok", "gateway" (its own address), "no_session", "never_connected", "not_in_dataplane", "unknown" (no dataplane);
  // or, and then no rule can help: "nobody" (of a tunnel's prefix, and no peer's), "no_route", "underlay".
  std::string_view state = "ok";
  bool rule_can_help = true;
  std::string sentence;  // empty: nothing is in the way, or nothing is known
};
[[nodiscard]] Reachability reach_of(const IpAddress& address, End end, const AdminBackend& backend,
                                    const RequestTime& time);
// Of the peer itself, by one of its addresses if it matters which.
[[nodiscard]] Reachability reach_of(const Peer& peer, const AdminBackend& backend, const RequestTime& time);
// Of net:PREFIX as a source, which never means a peer.
[[nodiscard]] Reachability reach_of_network(const IpPrefix& net, const AdminBackend& backend, const RequestTime& time);

[[nodiscard]] Json reachability_json(const Reachability& reach);  // {state, sentence}

}  // namespace sallyport::controlplane
