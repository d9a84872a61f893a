#include "controlplane/api/diagnose/tunnel_checks.hpp"

#include <algorithm>

#include "controlplane/wireguard/constants.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

constexpr std::size_t most_reasons = 3;
constexpr seconds expires_soon{300};
// A peer answers what it gets within the keepalive timeout (WireGuard's specification, section 6.5).
constexpr seconds one_way_after = 3 * wireguard::keepalive_timeout;
constexpr std::uint64_t one_way_packets = 3;

// What was refused of anybody: whose it was nobody knows, for a refused message proves nothing.
std::string refused_words(const HandshakeSeen& seen) {
  std::vector<NamedCounter> refused = seen.refused;
  std::stable_sort(refused.begin(), refused.end(),
                   [](const NamedCounter& a, const NamedCounter& b) { return a.value > b.value; });
  std::vector<std::string> words;
  if (seen.wrong_mac1 > 0)
    words.push_back(counted(seen.wrong_mac1, "message") + " made for another gateway's public key");
  for (const NamedCounter& reason : refused)
    if (reason.value > 0 && words.size() < most_reasons)
      words.push_back(std::to_string(reason.value) + " because " + reason.text);
  if (words.empty())
    return "no handshake of anybody was refused, so its messages do not arrive: a firewall before UDP port " +
           std::to_string(seen.listen_port) + ", or a wrong endpoint at its end";
  return "handshakes were refused (of all peers together): " + policy::joined(words, "; ");
}

}  // namespace

std::string revocation_words(const Revocation& revocation) {
  const std::string_view kind =
      revocation.kind == RevocationKind::public_key ? "WireGuard key" : name_of(revocation.kind);
  return "the " + std::string(kind) + ' ' + revocation.value + " was revoked on " + policy::time_words(revocation.at) +
         " by " + revocation.by + (revocation.reason.empty() ? "" : ": " + revocation.reason);
}

Check check_peer(const PeerSeen& seen) {
  constexpr std::string_view name = "peer";
  const std::string peer = "the peer " + seen.name;
  if (seen.revocation) return {name, Result::failed, revocation_words(*seen.revocation)};
  if (!seen.dataplane_connected)
    return {name, Result::unknown, peer + (seen.by_proof ? " has enrolled" : " is configured")};
  if (!seen.in_dataplane)
    return {name, Result::failed,
            "the dataplane does not have " + peer + (seen.problem.empty() ? " yet" : ": " + seen.problem)};
  return {name, Result::ok, peer + (seen.by_proof ? " has enrolled" : " is configured") + ", and the dataplane has it"};
}

Check check_proof(const ProofSeen& seen) {
  constexpr std::string_view name = "proof";
  if (seen.not_after <= seen.now)
    return {name, Result::failed,
            "its proof ended at " + policy::time_words(seen.not_after) + ": its client must enrol or renew"};
  const std::string lasts = "its proof lasts for " + policy::duration_words(seen.not_after - seen.now) + " more";
  if (seen.not_after - seen.now < expires_soon)
    return {name, Result::warning, lasts + ": its client should have renewed it by now"};
  if (seen.has_posture && seen.posture_until && *seen.posture_until <= seen.now)
    return {name, Result::warning,
            lasts + ", but what is known of its posture lapsed at " + policy::time_words(*seen.posture_until)};
  return {name, Result::ok, lasts};
}

Check check_handshake(const HandshakeSeen& seen) {
  constexpr std::string_view name = "handshake";
  if (!seen.in_dataplane) return {name, Result::unknown, "the dataplane does not have the peer"};
  if (!seen.latest_age) {
    const std::string where =
        seen.endpoint.empty() ? "it must come first, for its endpoint is unknown" : "its endpoint is " + seen.endpoint;
    return {name, Result::failed, "no handshake was ever completed; " + where + "; " + refused_words(seen)};
  }
  const std::string last =
      "the last handshake was completed " + policy::duration_words(*seen.latest_age) + " ago, from " + seen.endpoint;
  if (*seen.latest_age <= wireguard::reject_after_time) return {name, Result::ok, last};
  if (seen.staged_packets > 0)
    return {name, Result::failed,
            last + ", and " + counted(seen.staged_packets, "packet") +
                " wait for another one that does not come: " + "it is off, or has moved and is behind a NAT"};
  return {name, Result::warning, last + ": it is off, or has had nothing to say since"};
}

Check check_session(const TunnelSeen& seen) {
  constexpr std::string_view name = "session";
  if (!seen.in_dataplane) return {name, Result::unknown, "the dataplane does not have the peer"};
  const std::string sent = counted(seen.tx_packets, "packet") + (seen.tx_packets == 1 ? " was" : " were") + " sent";
  if (seen.rx_packets == 0 && seen.tx_packets > 0)
    return {name, Result::failed,
            sent + " to it and none has come back: one way is closed, by a firewall or by a NAT that forgot it"};
  if (seen.session && seen.session->age > one_way_after && seen.session->rx_packets == 0 &&
      seen.session->tx_packets >= one_way_packets)
    return {name, Result::failed,
            "since the handshake " + policy::duration_words(seen.session->age) + " ago " +
                counted(seen.session->tx_packets, "packet") +
                " went to it and none has come back: one way is closed, by a firewall or by a NAT that forgot it"};
  if (!seen.session)
    return {name, seen.rx_packets == 0 ? Result::unknown : Result::warning,
            "it has no session: a handshake makes one when there is something to send"};
  const std::string received =
      counted(seen.rx_packets, "packet") + " came from it" +
      (seen.last_received_age ? ", the last one " + policy::duration_words(*seen.last_received_age) + " ago" : "");
  if (seen.tx_packets == 0)
    return {name, Result::warning,
            received + ", and none went to it: what it asks does not answer, is denied, or has no route back"};
  return {name, Result::ok, received + "; " + sent};
}

}  // namespace sallyport::controlplane::diagnose
