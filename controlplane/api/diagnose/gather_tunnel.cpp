#include <algorithm>
#include <array>

#include "controlplane/api/diagnose/gather.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/views.hpp"
#include "controlplane/http/rfc3339.hpp"
#include "controlplane/identity/proof.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::string_view handshake_refused = "handshake_refused_";
constexpr std::array<std::string_view, proof_refusal_count> proof_refusals = {
#define SALLYPORT_NAME(name, text) "refused_" #name,
    SALLYPORT_PROOF_REFUSALS(SALLYPORT_NAME)
#undef SALLYPORT_NAME
};

const config::Wireguard* tunnel_of(const Peer& peer, const config::Config& configuration) {
  const auto found = std::find_if(configuration.wireguards.begin(), configuration.wireguards.end(),
                                  [&](const config::Wireguard& tunnel) { return tunnel.name == peer.interface; });
  return found == configuration.wireguards.end() ? nullptr : &*found;
}

// The first that is about this peer: its identity, its keys, or what vouched for it.
std::optional<Revocation> revocation_of(const Subject& subject) {
  const auto is = [](const Revocation& revocation, RevocationKind kind, const std::string& value) {
    return revocation.kind == kind && !value.empty() && revocation.value == value;
  };
  const std::string identity = subject.peer.identity();
  const std::string key = encode_key(subject.peer.public_key);
  for (Revocation& revocation : subject.backend.revocations()) {
    if (is(revocation, RevocationKind::identity, identity) || is(revocation, RevocationKind::public_key, key) ||
        (subject.session != nullptr && (is(revocation, RevocationKind::issuer, subject.session->issuer) ||
                                        is(revocation, RevocationKind::issuer_key, subject.session->issuer_key) ||
                                        is(revocation, RevocationKind::enrolment_key, subject.session->enrolment_key))))
      return std::move(revocation);
  }
  return std::nullopt;
}

std::string peer_problem(const Subject& subject) {
  for (Problem& problem : subject.backend.problems())
    if (problem.what == "peer " + subject.peer.name || problem.what == "access of peer " + subject.peer.name)
      return std::move(problem.why);
  return {};
}

}  // namespace

Subject::Subject(const Peer& of, const AdminBackend& known_by, const RequestTime& at)
    : peer(of),
      backend(known_by),
      time(at),
      now(wall_clock(at)),
      session(session_of(of, known_by)),
      status(peer_status(of, known_by)),
      tunnel(tunnel_of(of, known_by.configuration())) {
  if (status && status->underlay_port != abi::no_port) port = port_name(status->underlay_port, *backend.statistics());
}

std::optional<seconds> Subject::age_of(std::uint64_t boottime_ns) const {
  if (boottime_ns == 0) return std::nullopt;
  return seconds(time.seconds_since(boottime_ns));
}

std::optional<Revocation> find_revocation(const AdminBackend& backend, RevocationKind kind, std::string_view value) {
  for (Revocation& revocation : backend.revocations())
    if (revocation.kind == kind && revocation.value == value) return std::move(revocation);
  return std::nullopt;
}

PeerSeen peer_seen(const Subject& subject) {
  return {.name = subject.peer.name,
          .by_proof = subject.session != nullptr,
          .revocation = revocation_of(subject),
          .dataplane_connected = subject.backend.statistics() != nullptr,
          .in_dataplane = subject.status.has_value(),
          .problem = peer_problem(subject)};
}

ProofSeen proof_seen(const EnrolledSession& session, policy::TimePoint now) {
  return {.now = now,
          .not_after = session.not_after,
          .has_posture = !session.posture.empty(),
          .posture_until = session.posture_until};
}

HandshakeSeen handshake_seen(const Subject& subject) {
  HandshakeSeen seen{.endpoint = {}, .refused = {}};
  if (subject.tunnel != nullptr) seen.listen_port = subject.tunnel->listen_port;
  for (NamedCounter& counter : subject.backend.counters())
    if (counter.name.starts_with(handshake_refused)) seen.refused.push_back(std::move(counter));
  if (const abi::StatisticsView* statistics = subject.backend.statistics())
    seen.wrong_mac1 = statistics->counter(index_of(abi::DropReason::bad_mac1));
  if (!subject.status) return seen;
  seen.in_dataplane = true;
  seen.latest_age = subject.age_of(subject.status->latest_handshake_ns);
  if (subject.status->endpoint.is_set()) seen.endpoint = subject.status->endpoint.to_string();
  seen.staged_packets = subject.status->staged_packets;
  return seen;
}

TunnelSeen tunnel_seen(const Subject& subject) {
  TunnelSeen seen;
  if (!subject.status) return seen;
  seen.in_dataplane = true;
  seen.rx_packets = subject.status->rx_packets;
  seen.tx_packets = subject.status->tx_packets;
  seen.last_received_age = subject.age_of(subject.status->last_received_ns);
  const auto session = subject.status->current_index == 0
                           ? std::nullopt
                           : session_status(subject.status->current_index, *subject.backend.statistics());
  if (session && session->peer_id == subject.backend.peer_id(subject.peer.name))
    seen.session = TunnelSeen::Session{seconds(subject.time.seconds_since(session->created_at_ns)), session->rx_packets,
                                       session->tx_packets};
  return seen;
}

ClientSeen client_seen(const Subject& subject) {
  ClientSeen seen{.now = subject.now, .view = {}};
  if (subject.session != nullptr) seen.view = subject.session->client_view;
  if (!subject.status) return seen;
  seen.rx_bytes = subject.status->rx_bytes;
  seen.tx_bytes = subject.status->tx_bytes;
  seen.latest_handshake_age = subject.age_of(subject.status->latest_handshake_ns);
  return seen;
}

std::vector<NamedCounter> refused_proofs(const AdminBackend& backend) {
  std::vector<NamedCounter> refused;
  for (NamedCounter& counter : backend.counters())
    if (!counter.name.starts_with(handshake_refused) &&
        std::any_of(proof_refusals.begin(), proof_refusals.end(),
                    [&](std::string_view name) { return counter.name.ends_with(name); }))
      refused.push_back(std::move(counter));
  return refused;
}

}  // namespace sallyport::controlplane::diagnose
