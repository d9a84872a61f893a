// The tunnel of one peer: may it have one, did it ever, and do packets come through in both directions?
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/api/diagnose/check.hpp"
#include "controlplane/enrolment/records.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane::diagnose {

using std::chrono::seconds;

struct PeerSeen {
  std::string name;
  bool by_proof = false;
  std::optional<Revocation> revocation;  // that is about it
  bool dataplane_connected = true;
  bool in_dataplane = false;
  std::string problem;  // why it is not there, if that is known
};
[[nodiscard]] Check check_peer(const PeerSeen& seen);
// "the identity user:corp/ann@example.com was revoked on 2026-11-26T10:00:00Z by uid 0: left the company".
[[nodiscard]] std::string revocation_words(const Revocation& revocation);

struct ProofSeen {
  TimePoint now{}, not_after{};
  bool has_posture = false;
  std::optional<TimePoint> posture_until;
};
[[nodiscard]] Check check_proof(const ProofSeen& seen);

struct HandshakeSeen {
  bool in_dataplane = false;
  std::optional<seconds> latest_age;  // nothing: none since the dataplane started
  std::string endpoint;               // empty: not known
  std::uint16_t listen_port = 0;      // of the gateway
  std::uint32_t staged_packets = 0;   // wait for one
  std::vector<NamedCounter> refused;  // of all peers: handshakes, by reason
  std::uint64_t wrong_mac1 = 0;       // of all peers: sent for another gateway's key
};
[[nodiscard]] Check check_handshake(const HandshakeSeen& seen);

struct TunnelSeen {
  bool in_dataplane = false;
  std::uint64_t rx_packets = 0, tx_packets = 0;  // since the dataplane has the peer
  std::optional<seconds> last_received_age;
  struct Session {
    seconds age{};
    std::uint64_t rx_packets = 0, tx_packets = 0;
  };
  std::optional<Session> session;  // the one that packets are sent with
};
[[nodiscard]] Check check_session(const TunnelSeen& seen);

}  // namespace sallyport::controlplane::diagnose
