// What the checks look at, taken from the backend. The one place of a diagnosis that knows where things are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/api/admin_backend.hpp"
#include "controlplane/api/diagnose/client_checks.hpp"
#include "controlplane/api/diagnose/identity_checks.hpp"
#include "controlplane/api/diagnose/path_checks.hpp"
#include "controlplane/api/diagnose/policy_checks.hpp"
#include "controlplane/api/diagnose/tunnel_checks.hpp"
#include "controlplane/api/diagnose/underlay_checks.hpp"
#include "controlplane/http/request_time.hpp"

namespace sallyport::controlplane::diagnose {

// One peer, and what is known of it in one go.
struct Subject {
  Subject(const Peer& of, const AdminBackend& known_by, const RequestTime& at);

  const Peer& peer;
  const AdminBackend& backend;
  const RequestTime& time;
  policy::TimePoint now;
  const EnrolledSession* session;  // null: it is configured
  std::optional<abi::PeerStatusValue> status;
  std::string port;  // that its packets leave by; empty: not known
  const config::Wireguard* tunnel;

  [[nodiscard]] std::optional<seconds> age_of(std::uint64_t boottime_ns) const;  // nothing: never
};

// gather_underlay.cpp
[[nodiscard]] DataplaneSeen dataplane_seen(const AdminBackend& backend, const RequestTime& time);
// With `underlay`, of all inside ports and that underlay port; without, of all ports.
[[nodiscard]] std::vector<PortSeen> ports_seen(const AdminBackend& backend, const std::string& underlay = {});
// Every gateway that a port or a route has.
[[nodiscard]] std::vector<NeighbourSeen> gateways_seen(const AdminBackend& backend);
[[nodiscard]] std::optional<NeighbourSeen> next_hop_seen(const Subject& subject);

// gather_tunnel.cpp
[[nodiscard]] PeerSeen peer_seen(const Subject& subject);
[[nodiscard]] ProofSeen proof_seen(const EnrolledSession& session, policy::TimePoint now);
[[nodiscard]] HandshakeSeen handshake_seen(const Subject& subject);
[[nodiscard]] TunnelSeen tunnel_seen(const Subject& subject);
[[nodiscard]] ClientSeen client_seen(const Subject& subject);
// Counters of refused proofs, whoever counts them: their names end with the reason's.
[[nodiscard]] std::vector<NamedCounter> refused_proofs(const AdminBackend& backend);
[[nodiscard]] std::optional<Revocation> find_revocation(const AdminBackend& backend, RevocationKind kind,
                                                        std::string_view value);

// gather_path.cpp
[[nodiscard]] SourceSeen source_seen(const Subject& subject);
[[nodiscard]] RouteSeen route_seen(const Subject& subject);
[[nodiscard]] std::optional<MtuSeen> mtu_seen(const Subject& subject);

// gather_policy.cpp
[[nodiscard]] ClassSeen class_seen(const policy::Facts& facts, const AdminBackend& backend, policy::TimePoint now);
[[nodiscard]] RuleSeen rule_seen(const policy::Facts& facts, const AdminBackend& backend, policy::TimePoint now);

}  // namespace sallyport::controlplane::diagnose
