// What enrolment remembers over a restart: sessions, addresses, pinned names, revocations and enrolment keys, as plain
// values. Of session tokens and enrolment keys there are hashes only; the preshared keys of sessions are secrets, in
// the documents too.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/base/ip.hpp"
#include "config/base/shared_key.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

using policy::TimePoint;
using Hash = std::array<std::uint8_t, 32>;  // SHA-256

// A tunnel by proof. To the rest of the control plane it is a peer called peer_name_of(id).
struct EnrolledSession {
  std::string id;        // 16 hexadecimal digits
  std::string identity;  // "sa:prod-eu/shop/frontend"; of an enrolment key "machine:KEY/PUBLIC-KEY"
  std::string issuer;    // [issuer.NAME]; empty: an enrolment key
  std::string subject;
  std::string issuer_key;     // that signed the newest proof
  std::string enrolment_key;  // its id; empty: none
  std::string instance;       // which of the identity's machines; empty: not said
  std::string wireguard;      // the interface
  PublicKey public_key{};
  std::optional<PublicKey> former_key;  // still good until former_until
  TimePoint former_until{};
  // Of its handshakes; another one with each answer of the API, beside which the former one is good for a while. Not
  // set: none, as of sessions from before there were any.
  SharedKey preshared_key;
  std::optional<SharedKey> former_preshared_key;
  TimePoint former_preshared_until{};
  // Whether the TLS in which it was told was secure against quantum computers, and so what it protects is.
  bool post_quantum = false, former_post_quantum = false;
  std::vector<IpPrefix> addresses;  // hosts, IPv4 first
  std::vector<policy::Claim> claims;
  TimePoint claims_at{};  // when the proof that has them was issued
  std::vector<std::string> tags;
  std::map<std::string, policy::PostureValue> posture;
  std::optional<TimePoint> posture_until;
  std::optional<TimePoint> authenticated_at;
  TimePoint enrolled_at{}, renewed_at{};
  TimePoint not_after{};
  Hash token_hash{};
  std::string source;  // the address that it was enrolled from last
  // What the client's end says of the tunnel, with its newest posture; not kept over a restart.
  struct ClientView {
    TimePoint at{};
    std::uint64_t received_bytes = 0, sent_bytes = 0;
    std::optional<std::uint64_t> last_handshake_age_s;
    std::optional<std::uint32_t> mtu;
    std::string endpoint;
    friend bool operator==(const ClientView&, const ClientView&) = default;
  };
  std::optional<ClientView> client_view;

  friend bool operator==(const EnrolledSession&, const EnrolledSession&) = default;
};
[[nodiscard]] std::string peer_name_of(const std::string& session_id);  // "enrolled-ID"
// Whether that is so for each preshared key that is good now.
[[nodiscard]] bool is_post_quantum(const EnrolledSession& session);

// Addresses stay with an identity (and its machine, if proofs say which) also while it has no session.
struct AddressLease {
  std::string identity;
  std::string instance;
  std::vector<IpPrefix> addresses;
  TimePoint last_used{};
  friend bool operator==(const AddressLease&, const AddressLease&) = default;
};

struct PinnedName {
  std::string identity;
  std::string subject;
  TimePoint at{};
  friend bool operator==(const PinnedName&, const PinnedName&) = default;
};

enum class RevocationKind : std::uint8_t { identity, public_key, issuer, issuer_key, enrolment_key };
[[nodiscard]] std::string_view name_of(RevocationKind kind);  // "identity", "key", "issuer", "issuer-key"
[[nodiscard]] std::optional<RevocationKind> revocation_kind_of(std::string_view name);

struct Revocation {
  RevocationKind kind = RevocationKind::identity;
  std::string value;  // the identity; the key in base64; ISSUER; ISSUER/KID; the enrolment key's id
  TimePoint at{};
  std::string by;
  std::string reason;
  friend bool operator==(const Revocation&, const Revocation&) = default;
};

// For machines without an identity provider. Its secret is shown once: "spk_ID_SECRET".
struct EnrolmentKey {
  std::string id;    // 12 hexadecimal digits
  std::string name;  // unique, chosen by the operator
  Hash secret_hash{};
  std::vector<std::string> tags;
  std::optional<std::uint32_t> uses_left;  // nullopt: as often as it likes
  TimePoint expires{};                     // after that it enrols nobody
  std::chrono::seconds session{};          // how long a session lasts; its machine may renew it with the same key
  TimePoint created_at{};
  std::string by;
  friend bool operator==(const EnrolmentKey&, const EnrolmentKey&) = default;
};

// As the store keeps them: a JSON document each, under its kind and a key that is unique there.
enum class RecordKind : std::uint8_t { session = 1, lease = 2, pin = 3, revocation = 4, enrolment_key = 5 };
struct RecordKey {
  RecordKind kind = RecordKind::session;
  std::string key;
  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
};
using Records = std::map<RecordKey, std::string>;  // in a change an empty document means: gone

[[nodiscard]] RecordKey key_of(const EnrolledSession& session);
[[nodiscard]] RecordKey key_of(const AddressLease& lease);
[[nodiscard]] RecordKey key_of(const PinnedName& pin);
[[nodiscard]] RecordKey key_of(const Revocation& revocation);
[[nodiscard]] RecordKey key_of(const EnrolmentKey& key);
[[nodiscard]] std::string to_document(const EnrolledSession& session);
[[nodiscard]] std::string to_document(const AddressLease& lease);
[[nodiscard]] std::string to_document(const PinnedName& pin);
[[nodiscard]] std::string to_document(const Revocation& revocation);
[[nodiscard]] std::string to_document(const EnrolmentKey& key);
// A document that lacks something, or a damaged one, is an error in one sentence.
template <typename Record>
[[nodiscard]] tl::expected<Record, std::string> from_document(std::string_view document);
template <>
tl::expected<EnrolledSession, std::string> from_document(std::string_view document);
template <>
tl::expected<AddressLease, std::string> from_document(std::string_view document);
template <>
tl::expected<PinnedName, std::string> from_document(std::string_view document);
template <>
tl::expected<Revocation, std::string> from_document(std::string_view document);
template <>
tl::expected<EnrolmentKey, std::string> from_document(std::string_view document);

}  // namespace sallyport::controlplane
