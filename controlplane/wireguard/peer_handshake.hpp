// The handshakes with one peer: when to start one, when to repeat it, when to give up, and which of the messages that
// arrive to believe (white paper, sections 5.1 and 6.2 to 6.4). I/O-free: events and time in, Actions out. It belongs
// to the event loop's thread; only the jobs it hands out run elsewhere.
//
//            want_session                      timer: REKEY_TIMEOUT + jitter, a new initiation each time
//   idle ──────────────────▶ creating ──▶ waiting for the response ──┐
//     ▲                         ▲                                    │
//     │                         └────────────────────────────────────┤
//     └── session installed or confirmed; or REKEY_ATTEMPT_TIME is over, and it gives up
//
// Responding is independent of this: while our own initiation waits, the peer's may be answered, so that both sides may
// start at once; whichever session carries data first ends the attempt.
//
// A peer whose preshared key changed may have either, and its initiation does not say which. It is answered by the one
// that was proven last, first by the new one; where it does not confirm that session and tries again, by the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <tl/expected.hpp>

#include "controlplane/wireguard/cookie.hpp"
#include "controlplane/wireguard/handshake_error.hpp"
#include "controlplane/wireguard/instant.hpp"
#include "controlplane/wireguard/jobs.hpp"
#include "controlplane/wireguard/keys.hpp"
#include "controlplane/wireguard/messages.hpp"
#include "controlplane/wireguard/replay_guard.hpp"
#include "controlplane/wireguard/tai64n.hpp"

namespace sallyport::wireguard {

// The caller's name for a peer, handed back to its IndexAllocator.
enum class PeerId : std::uint32_t {};

// Session indices are one space for all interfaces and owned by the caller, who finds by them which peer a response or
// a cookie reply is for. An index given out must not be one that is in use, and should not be guessable.
class IndexAllocator {
 public:
  virtual ~IndexAllocator() = default;
  // Empty if all are in use.
  [[nodiscard]] virtual std::optional<LocalIndex> allocate(PeerId peer) = 0;
  virtual void release(LocalIndex index) noexcept = 0;
};

// What all peers of an interface share. Must outlive them.
struct HandshakeEnvironment {
  RandomSource random;
  IndexAllocator& indices;
  TimestampSource& timestamps;
};

enum class Role : std::uint8_t { initiator, responder };

// A finished handshake. The local index now belongs to the session: the caller releases it when the session is gone.
// An initiator must send data at once (a keepalive if nothing is staged); a responder may not send before it has
// received.
struct InstallSession {
  Role role;
  SessionKeys keys;
  LocalIndex local_index;
  RemoteIndex remote_index;
  // As responder: the peer's timestamp, to be kept with the session's peer.
  std::optional<GreatestTimestamp> greatest_timestamp;
  // As responder: the initiation may be a replay (see ReplayGuard), so until the session carries data it says nothing
  // about where the peer is.
  bool unproven = false;
};

// Where a message goes: to the endpoint that the dataplane knows for the peer, or to where the message that it answers
// came from (the caller knows: it had the initiation).
enum class Destination : std::uint8_t { peer_endpoint, initiation_source };

struct OutgoingMessage {
  Destination destination;
  std::array<std::uint8_t, handshake_initiation_bytes> bytes{};
  std::size_t size = 0;

  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
};

// REKEY_ATTEMPT_TIME passed without an answer: what is staged for the peer must be dropped (section 6.4).
struct GaveUp {
  unsigned tries;
};

// What the caller does after a call, in this order.
struct Actions {
  std::optional<InstallSession> install;
  std::optional<OutgoingMessage> send;  // after the install took effect
  std::optional<CreateInitiationJob> create_initiation;
  bool reresolve_endpoint = false;  // the endpoint's name, if it has one: an initiation went unanswered
  std::optional<GaveUp> gave_up;
};

class PeerHandshake {
 public:
  PeerHandshake(PeerId id, HandshakeEnvironment& environment, std::shared_ptr<const LocalIdentity> local,
                std::shared_ptr<const PeerKeys> keys);
  ~PeerHandshake();  // releases the indices of unfinished handshakes
  PeerHandshake(const PeerHandshake&) = delete;
  PeerHandshake& operator=(const PeerHandshake&) = delete;

  // A session is wanted: traffic is staged, the current one is due for rekeying, a persistent keepalive is due, the
  // peer was configured with an endpoint. Starts an attempt, at the earliest REKEY_TIMEOUT after our last initiation.
  // During an attempt it renews REKEY_ATTEMPT_TIME (section 6.4). Within REKEY_TIMEOUT after a session became usable it
  // does nothing: the want and the session crossed on their way. Call it for peers with an endpoint only.
  [[nodiscard]] Actions want_session(const Instant& now);

  // Call at or after next_deadline(), and read that again after any call.
  [[nodiscard]] Actions on_timer(const Instant& now);
  [[nodiscard]] std::optional<BootTime> next_deadline() const noexcept;

  // The result of Actions::create_initiation.
  [[nodiscard]] tl::expected<Actions, HandshakeError> on_initiation_created(InitiationCreated result,
                                                                            const Instant& now);

  // A response whose receiver index the caller's table gives to this peer. Errors: no_pending_handshake, busy.
  [[nodiscard]] tl::expected<ConsumeResponseJob, HandshakeError> accept_response(const HandshakeResponse& message);
  // Errors: superseded, and those of the job; the attempt goes on then.
  [[nodiscard]] tl::expected<Actions, HandshakeError> on_response_consumed(ResponseConsumed result, const Instant& now);

  // An initiation that IdentifyInitiatorJob found to claim this peer's public key. Authenticates it and remembers its
  // timestamp. Errors: flood, unknown_peer, decrypt_timestamp, old_timestamp, no_free_index.
  [[nodiscard]] tl::expected<CreateResponseJob, HandshakeError> accept_initiation(IdentifiedInitiation initiation,
                                                                                  const Instant& now);
  // Errors: superseded (a newer initiation of the peer was accepted meanwhile), and those of the job.
  [[nodiscard]] tl::expected<Actions, HandshakeError> on_response_created(ResponseCreated result, const Instant& now);

  // A cookie reply whose receiver index the caller's table gives to this peer. The next message will carry it.
  [[nodiscard]] tl::expected<void, HandshakeError> on_cookie_reply(const CookieReply& reply, const Instant& now);

  // The dataplane received the first authenticated packet on a session that we installed as responder; `index` is the
  // session's, if it is one of this key's.
  void on_session_confirmed(const Instant& now, std::optional<LocalIndex> index = {});

  // Forgets attempts and sessions, and lets the next want start at once: the dataplane came back empty. Timestamps
  // stay.
  void reset();
  // Changed preshared keys. The public key must be the same one (another public key is another peer).
  void replace_keys(std::shared_ptr<const PeerKeys> keys);

  [[nodiscard]] const PeerKeys& keys() const noexcept { return *keys_; }
  [[nodiscard]] bool handshaking() const noexcept { return attempt_.has_value(); }
  // Initiations of the current attempt, 0 without one.
  [[nodiscard]] unsigned tries() const noexcept { return attempt_ ? attempt_->tries : 0; }

  // The peer's greatest timestamp: see ReplayGuard.
  [[nodiscard]] const std::optional<GreatestTimestamp>& greatest_timestamp() const noexcept {
    return replay_guard_.greatest();
  }
  void restore_timestamp(const GreatestTimestamp& saved, const Instant& now) noexcept {
    replay_guard_.restore(saved, now.boot);
  }
  void forget_timestamp() noexcept { replay_guard_.forget(); }

 private:
  // Our attempt to get a session: a series of initiations, the last of which may be answered.
  struct Attempt {
    BootTime since;     // REKEY_ATTEMPT_TIME runs from here
    BootTime deadline;  // of the current try; of the first one if it has to wait
    unsigned tries = 0;
    TryId id{};
    std::optional<LocalIndex> index;
    std::shared_ptr<const SentInitiation> sent;  // set once the initiation of this try was sent
    unsigned responses_in_flight = 0;
  };
  // The newest initiation of the peer that we are about to answer.
  struct PendingResponse {
    TryId id;
    LocalIndex local_index;
    RemoteIndex remote_index;
    Tai64n timestamp;
    Freshness freshness;
    Preshared preshared;
  };
  // Our last answer, until its session or another one is proven.
  struct UnconfirmedAnswer {
    LocalIndex local_index;
    Preshared preshared;
  };
  // The last session of an initiation that nothing proves to be new.
  struct UnprovenSession {
    LocalIndex local_index;
    Tai64n timestamp;
  };

  [[nodiscard]] Actions try_again(const Instant& now);
  [[nodiscard]] BootTime retry_deadline(BootTime from) const;
  [[nodiscard]] TryId next_try_id() noexcept { return TryId{++last_try_id_}; }
  void drop_try();
  void end_attempt();
  void drop_pending_response();
  // By which the next initiation is answered.
  [[nodiscard]] Preshared next_preshared() const noexcept;

  const PeerId id_;
  HandshakeEnvironment& environment_;
  const std::shared_ptr<const LocalIdentity> local_;
  std::shared_ptr<const PeerKeys> keys_;
  CookieJar cookies_;
  ReplayGuard replay_guard_;
  std::optional<Attempt> attempt_;
  std::optional<PendingResponse> pending_response_;
  std::optional<UnprovenSession> unproven_session_;
  std::optional<UnconfirmedAnswer> unconfirmed_answer_;
  Preshared proven_preshared_ = Preshared::present;
  std::optional<BootTime> last_initiation_at_;
  std::optional<BootTime> usable_since_;
  Tai64n last_timestamp_;  // of our own initiations
  std::uint64_t last_try_id_ = 0;
};

}  // namespace sallyport::wireguard
