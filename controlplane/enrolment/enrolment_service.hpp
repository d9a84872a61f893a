// Who has a tunnel by proof, with which key and addresses, and until when. Decides what the enrolment server asks;
// pure: time is an argument, and what follows from a call is handed back as a list of changes to peers and to the
// store.
//
//   enroll, renew, posture, end ──▶ sessions ──▶ Effects: peers that begin, change, end
//   revoke, expire ───────────────▶    │   └───▶ Effects: records for the store
//                                      └── leases, pins, revocations, enrolment keys
//
// A proof was verified before it comes here; here it is judged: revoked? the name's owner? the key's owner? All calls
// on the event loop.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/enrolment/administration.hpp"
#include "controlplane/enrolment/lease_table.hpp"
#include "controlplane/enrolment/records.hpp"
#include "controlplane/enrolment/requests.hpp"
#include "controlplane/enrolment/revocation_list.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class EnrolmentService {
 public:
  struct Settings {
    std::string wireguard;
    PublicKey gateway_key{};
    std::string endpoint;
    std::uint16_t mtu = 1420;
    std::vector<IpAddress> dns;
    std::vector<IpPrefix> routes;
    std::string pool;  // its name
    std::vector<IpPrefix> pool_prefixes;
    std::vector<IpPrefix> reserved;  // within the pool, but somebody else's
    std::uint32_t sessions_per_identity = 32;
    std::optional<std::chrono::seconds> max_session;
  };
  // What follows from a call; calls add to it.
  struct Effects {
    struct Change {
      std::optional<EnrolledSession> before, after;
      std::string why;  // of an end: "expired", "revoked identity sa:..."
    };
    std::vector<Change> sessions;
    Records to_store;
  };
  // A session that is over, without its secrets.
  struct Past {
    EnrolledSession session;
    TimePoint ended_at{};
    std::string why;
  };
  // Whether a key may be enrolled here, apart from what this service knows: not a configured peer's, not the gateway's
  // own, no point of low order.
  using CheckKey = std::function<std::optional<ProofRefusal>(const PublicKey&)>;
  using HasRoom = std::function<bool()>;  // for one peer more
  using Random = std::function<void(std::uint8_t*, std::size_t)>;

  EnrolmentService(CheckKey check_key, HasRoom has_room, Random random);

  // Null: switched off; sessions end then. Sessions of another interface, or whose addresses do not fit any more, end.
  void configure(std::optional<Settings> settings, TimePoint now, Effects& effects);
  // What an earlier process left. After configure(), before anything else; `effects` gets what begins. Returns a line
  // for each record that could not be used.
  std::vector<std::string> restore(const Records& records, TimePoint now, Effects& effects);

  [[nodiscard]] EnrolmentResult answer(const EnrolmentRequest& request, TimePoint now, Effects& effects);
  // Sessions whose proof has ended, and former keys whose time is over.
  void expire(TimePoint now, Effects& effects);
  // The first instant at which expire() has something to do.
  [[nodiscard]] std::optional<TimePoint> next_expiry() const;

  // ---- operators ----
  // The number of sessions that it ended; an error if the value is not of its kind. An enrolment key may be named by
  // its id or its name: `value` becomes the id.
  tl::expected<std::size_t, std::string> revoke(Revocation& revocation, TimePoint now, Effects& effects);
  bool take_back(RevocationKind kind, const std::string& value, Effects& effects);
  bool end(const std::string& id, const std::string& why, TimePoint now, Effects& effects);
  // Sessions that have something that a configured peer has now.
  void make_way(const PublicKey& key, const std::vector<IpPrefix>& prefixes, TimePoint now, Effects& effects);
  tl::expected<MadeEnrolmentKey, std::string> make_key(const NewEnrolmentKey& wanted, std::string_view by,
                                                       TimePoint now, Effects& effects);
  bool forget_pin(const std::string& identity, Effects& effects);

  // ---- what is ----
  [[nodiscard]] const EnrolledSession* by_peer_name(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, EnrolledSession>& sessions() const { return sessions_; }  // by id
  [[nodiscard]] const std::deque<Past>& past() const { return past_; }  // the newest first; in memory alone
  [[nodiscard]] const RevocationList& revocations() const { return revocations_; }
  [[nodiscard]] std::vector<EnrolmentKey> keys() const;
  [[nodiscard]] std::vector<PinnedName> pins() const;
  [[nodiscard]] const std::optional<Settings>& settings() const { return settings_; }
  [[nodiscard]] std::size_t leases() const { return leases_.size(); }
  [[nodiscard]] std::uint64_t capacity() const { return leases_.capacity(); }
  // Of refusals and failures that were decided here, and what was granted.
  [[nodiscard]] std::vector<NamedCounter> counters() const;
  void count(const EnrolmentResult& result);

  static constexpr std::chrono::seconds former_key_lifetime{180};  // of preshared keys too
  static constexpr std::size_t enrolment_keys_max = 100'000;
  static constexpr std::size_t pins_max = 1'000'000;
  static constexpr std::size_t past_max = 1000;

 private:
  using Failure = tl::unexpected<EnrolmentRefusal>;
  // A proof of either kind, as sessions are made of it.
  struct Grounds {
    std::string identity, issuer, subject, issuer_key, enrolment_key, instance;
    bool name_may_move = false;
    std::vector<policy::Claim> claims;
    TimePoint claims_at{};
    std::vector<std::string> tags;
    std::optional<TimePoint> authenticated_at;
    TimePoint not_after{};
  };

  void keep_newer_claims(Grounds& grounds) const;
  [[nodiscard]] EnrolmentResult enroll(const EnrollRequest& request, TimePoint now, Effects& effects);
  [[nodiscard]] tl::expected<Grounds, EnrolmentRefusal> grounds_to_enroll(const EnrollRequest& request, TimePoint now);
  [[nodiscard]] tl::expected<EnrolledSession, EnrolmentRefusal> new_session(const EnrollRequest& request,
                                                                            const Grounds& grounds, TimePoint now,
                                                                            Effects& effects);
  [[nodiscard]] EnrolmentResult renew(const RenewRequest& request, TimePoint now, Effects& effects);
  [[nodiscard]] EnrolmentResult take_posture(const PostureRequest& request, TimePoint now, Effects& effects);
  [[nodiscard]] EnrolmentResult state_of(const StateRequest& request);
  [[nodiscard]] EnrolmentResult end_by_client(const EndRequest& request, TimePoint now, Effects& effects);

  // `present`: the session that the proof would renew.
  [[nodiscard]] tl::expected<Grounds, EnrolmentRefusal> judge(const Evidence& evidence, const PublicKey& key,
                                                              const EnrolledSession* present, TimePoint now);
  [[nodiscard]] tl::expected<Grounds, EnrolmentRefusal> judge_secret(const EnrolmentSecret& secret,
                                                                     const PublicKey& key,
                                                                     const EnrolledSession* present, TimePoint now);
  [[nodiscard]] std::optional<RefusedProof> forbidden(const Grounds& grounds, const PublicKey& key) const;
  void pin(const Grounds& grounds, TimePoint now, Effects& effects);
  void use_up(const Grounds& grounds, Effects& effects);

  [[nodiscard]] EnrolledSession* by_key(const PublicKey& key);
  [[nodiscard]] EnrolledSession* by_token(const std::string& token);
  [[nodiscard]] EnrolledSession* of_machine(const std::string& identity, const std::string& instance);
  void begin(EnrolledSession session, Effects& effects);
  void change(EnrolledSession& session, EnrolledSession next, Effects& effects);
  void finish(const std::string& id, const std::string& why, TimePoint now, Effects& effects);
  void remember(const EnrolledSession& session, const std::string& why, TimePoint now);
  void index(const EnrolledSession& session);
  void unindex(const EnrolledSession& session);
  // What the newest proof says of an identity holds for all of its sessions.
  void spread_claims(const EnrolledSession& newest, Effects& effects);
  using Condition = std::function<bool(const EnrolledSession&)>;
  std::size_t end_if(const Condition& condition, const std::string& why, TimePoint now, Effects& effects);
  // With each answer. The client may use the one before, also if that was none, until it has taken up this one.
  void change_preshared_key(EnrolledSession& session, bool post_quantum, TimePoint now);
  void draw_preshared_key(EnrolledSession& session, bool post_quantum);
  [[nodiscard]] Granted granted(const EnrolledSession& session, std::string token) const;
  [[nodiscard]] std::string draw_hex(std::size_t bytes);
  [[nodiscard]] static RefusedProof refusal(ProofRefusal reason, const Grounds& grounds, std::string detail);

  CheckKey check_key_;
  HasRoom has_room_;
  Random random_;
  std::optional<Settings> settings_;
  LeaseTable leases_;
  RevocationList revocations_;
  std::map<std::string, EnrolledSession> sessions_;  // by id
  std::deque<Past> past_;
  std::map<PublicKey, std::string> by_key_;  // current and former keys -> id
  std::map<Hash, std::string> by_token_;     // hash of the session token -> id
  std::unordered_map<std::string, std::set<std::string>> by_identity_;
  std::set<std::pair<TimePoint, std::string>> expiries_;  // not_after and former_until
  std::map<std::string, EnrolmentKey> keys_;              // by id
  std::map<std::string, PinnedName> pins_;                // by identity
  std::array<std::uint64_t, proof_refusal_count> refused_{};
  std::array<std::uint64_t, enrolment_failure_count> failed_{};
  std::uint64_t enrolled_ = 0, renewed_ = 0, posture_reports_ = 0, ended_by_clients_ = 0, expired_ = 0, revoked_ = 0;
};

}  // namespace sallyport::controlplane
