// What a client asks of the enrolment API and what it is told, as values: the enrolment server reads and writes the
// bytes, EnrolmentService decides.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/ip.hpp"
#include "controlplane/enrolment/records.hpp"
#include "controlplane/identity/proof.hpp"

namespace sallyport::controlplane {

// What was proven: by an issuer, or with the secret of an enrolment key, which only EnrolmentService can check.
struct EnrolmentSecret {
  std::string text;  // "spk_ID_SECRET" as it came
};
using Evidence = std::variant<Proof, EnrolmentSecret>;

struct EnrollRequest {
  PublicKey public_key{};
  Evidence evidence;
  std::string instance;  // a name that the client gives to its machine; empty: none. A proof's own counts more
  IpAddress source;
  bool post_quantum = false;  // the TLS that it came by, and so what its answer tells
};
struct RenewRequest {
  PublicKey public_key{};                   // of the session
  std::optional<PublicKey> new_public_key;  // replaces it
  Evidence evidence;
  IpAddress source;
  bool post_quantum = false;
};
struct PostureRequest {
  std::string session_token;
  std::map<std::string, policy::PostureValue> posture;
  std::chrono::seconds time_to_live{};
  std::optional<EnrolledSession::ClientView> view;
};
struct StateRequest {
  std::string session_token;
};
struct EndRequest {
  std::string session_token;
};
using EnrolmentRequest = std::variant<EnrollRequest, RenewRequest, PostureRequest, StateRequest, EndRequest>;

// The answer to enroll and renew.
struct Granted {
  std::string session_id;
  std::string session_token;  // of enroll alone: empty in the answer to renew
  std::string identity;
  PublicKey public_key{};
  SharedKey preshared_key;
  bool post_quantum = false;
  std::vector<IpPrefix> addresses;
  PublicKey gateway_key{};
  std::string endpoint;  // "192.0.2.1:51820"
  std::vector<IpAddress> dns;
  std::vector<IpPrefix> routes;
  std::uint16_t mtu = 1420;
  std::uint32_t persistent_keepalive_s = 25;
  TimePoint expires_at{};
};
struct PostureTaken {
  TimePoint until{};
};
// What a client hears of its own session.
struct SessionState {
  Granted granted;  // without its secrets
  TimePoint enrolled_at{}, renewed_at{};
  // How long the former ones are good beside the present ones.
  std::optional<TimePoint> former_key_until, former_preshared_key_until;
  std::optional<TimePoint> posture_until;
};
struct Ended {};

// Why a proven client is turned away; it may be told.
enum class EnrolmentFailure : std::uint8_t {
  pool_is_empty,      // 503
  too_many_sessions,  // 409: of this identity
  gateway_is_full,    // 503: max_peers
  not_stored,         // 503: the state file cannot be written
  switched_off,       // 503: the gateway is being reloaded without [enrolment]
  busy,               // 503
};
inline constexpr std::size_t enrolment_failure_count = 6;
[[nodiscard]] std::string_view name_of(EnrolmentFailure failure);  // "pool_is_empty"
[[nodiscard]] std::string_view explain(EnrolmentFailure failure);  // one sentence, which clients are told

using EnrolmentRefusal = std::variant<RefusedProof, EnrolmentFailure>;
using EnrolmentAnswer = std::variant<Granted, PostureTaken, SessionState, Ended>;
using EnrolmentResult = tl::expected<EnrolmentAnswer, EnrolmentRefusal>;

inline constexpr std::size_t posture_values_max = 64;
inline constexpr std::chrono::seconds posture_time_to_live_max{24 * 3600};

}  // namespace sallyport::controlplane
