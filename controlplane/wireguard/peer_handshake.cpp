#include "controlplane/wireguard/peer_handshake.hpp"

#include <algorithm>
#include <utility>

#include "config/base/check.hpp"

namespace sallyport::wireguard {
namespace {

template <std::size_t N>
OutgoingMessage outgoing(Destination destination, const std::array<std::uint8_t, N>& bytes) {
  OutgoingMessage message{.destination = destination};
  std::copy(bytes.begin(), bytes.end(), message.bytes.begin());
  message.size = N;
  return message;
}

}  // namespace

PeerHandshake::PeerHandshake(PeerId id, HandshakeEnvironment& environment, std::shared_ptr<const LocalIdentity> local,
                             std::shared_ptr<const PeerKeys> keys)
    : id_(id),
      environment_(environment),
      local_(std::move(local)),
      keys_(std::move(keys)),
      // The peer may remember an earlier incarnation of this object.
      last_timestamp_(environment.timestamps.greatest()) {
  SP_CHECK(local_ != nullptr && keys_ != nullptr);
}

PeerHandshake::~PeerHandshake() {
  reset();
}

// ---- as initiator ----

Actions PeerHandshake::want_session(const Instant& now) {
  if (attempt_) {
    attempt_->since = now.boot;
    return {};
  }
  if (usable_since_ && now.boot - *usable_since_ < rekey_timeout) return {};
  const BootTime earliest = last_initiation_at_ ? *last_initiation_at_ + rekey_timeout : now.boot;
  attempt_ = Attempt{.since = now.boot, .deadline = std::max(earliest, now.boot)};
  return on_timer(now);
}

Actions PeerHandshake::on_timer(const Instant& now) {
  if (!attempt_ || now.boot < attempt_->deadline) return {};
  if (attempt_->tries > 0 && now.boot - attempt_->since >= rekey_attempt_time) {
    Actions actions{.gave_up = GaveUp{attempt_->tries}};
    end_attempt();
    return actions;
  }
  return try_again(now);
}

std::optional<BootTime> PeerHandshake::next_deadline() const noexcept {
  if (!attempt_) return std::nullopt;
  return attempt_->deadline;
}

// A new initiation, never a repeated one: new ephemeral key, timestamp and index (section 6.4). An answer to the one
// before is stale from here on.
Actions PeerHandshake::try_again(const Instant& now) {
  drop_try();
  Attempt& attempt = *attempt_;
  ++attempt.tries;
  attempt.deadline = retry_deadline(now.boot);
  last_initiation_at_ = now.boot;
  Actions actions{.reresolve_endpoint = attempt.tries >= reresolve_from_attempt};
  attempt.index = environment_.indices.allocate(id_);
  if (!attempt.index) return actions;  // perhaps at the next try
  attempt.id = next_try_id();
  last_timestamp_ = environment_.timestamps.next(now.wall, last_timestamp_);
  actions.create_initiation = CreateInitiationJob{.id = attempt.id,
                                                  .local = local_,
                                                  .peer = keys_,
                                                  .ephemeral = draw_private_key(environment_.random),
                                                  .timestamp = last_timestamp_,
                                                  .local_index = *attempt.index};
  return actions;
}

tl::expected<Actions, HandshakeError> PeerHandshake::on_initiation_created(InitiationCreated result,
                                                                           const Instant& now) {
  if (!attempt_ || attempt_->id != result.id || attempt_->sent) return tl::unexpected(HandshakeError::superseded);
  if (!result.outcome) return tl::unexpected(result.outcome.error());
  attempt_->sent = std::move(result.outcome->sent);
  attempt_->deadline = retry_deadline(now.boot);
  last_initiation_at_ = now.boot;
  Actions actions;
  actions.send = outgoing(Destination::peer_endpoint, cookies_.sign(result.outcome->message, *keys_, now.boot));
  return actions;
}

tl::expected<ConsumeResponseJob, HandshakeError> PeerHandshake::accept_response(const HandshakeResponse& message) {
  if (!attempt_ || !attempt_->sent || attempt_->index != LocalIndex{message.receiver_index})
    return tl::unexpected(HandshakeError::no_pending_handshake);
  if (attempt_->responses_in_flight >= responses_in_flight_max) return tl::unexpected(HandshakeError::busy);
  ++attempt_->responses_in_flight;
  return ConsumeResponseJob{
      .id = attempt_->id, .local = local_, .peer = keys_, .sent = attempt_->sent, .message = message};
}

tl::expected<Actions, HandshakeError> PeerHandshake::on_response_consumed(ResponseConsumed result, const Instant& now) {
  if (!attempt_ || attempt_->id != result.id || !attempt_->sent) return tl::unexpected(HandshakeError::superseded);
  SP_CHECK(attempt_->responses_in_flight > 0);
  --attempt_->responses_in_flight;
  if (!result.outcome) return tl::unexpected(result.outcome.error());
  Actions actions;
  actions.install = InstallSession{.role = Role::initiator,
                                   .keys = std::move(*result.outcome),
                                   .local_index = *std::exchange(attempt_->index, std::nullopt),
                                   .remote_index = result.remote_index};
  proven_preshared_ = result.preshared;
  unconfirmed_answer_.reset();
  end_attempt();
  usable_since_ = now.boot;
  return actions;
}

// ---- as responder ----

tl::expected<CreateResponseJob, HandshakeError> PeerHandshake::accept_initiation(IdentifiedInitiation initiation,
                                                                                 const Instant& now) {
  if (replay_guard_.floods(now.boot)) return tl::unexpected(HandshakeError::flood);
  Tai64n timestamp;
  auto received =
      read_payload(std::move(initiation.received), *keys_, initiation.message.encrypted_timestamp, timestamp.bytes);
  if (!received) return tl::unexpected(received.error());
  const auto freshness = replay_guard_.accept(timestamp, now.boot);
  if (!freshness) return tl::unexpected(freshness.error());

  drop_pending_response();
  const auto index = environment_.indices.allocate(id_);
  if (!index) return tl::unexpected(HandshakeError::no_free_index);
  pending_response_ = PendingResponse{.id = next_try_id(),
                                      .local_index = *index,
                                      .remote_index = RemoteIndex{initiation.message.sender_index},
                                      .timestamp = timestamp,
                                      .freshness = *freshness,
                                      .preshared = next_preshared()};
  return CreateResponseJob{.id = pending_response_->id,
                           .peer = keys_,
                           .received = std::move(*received),
                           .ephemeral = draw_private_key(environment_.random),
                           .local_index = pending_response_->local_index,
                           .remote_index = pending_response_->remote_index,
                           .preshared = pending_response_->preshared};
}

tl::expected<Actions, HandshakeError> PeerHandshake::on_response_created(ResponseCreated result, const Instant& now) {
  if (!pending_response_ || pending_response_->id != result.id) return tl::unexpected(HandshakeError::superseded);
  if (!result.outcome) {
    drop_pending_response();
    return tl::unexpected(result.outcome.error());
  }
  Actions actions;
  actions.install = InstallSession{.role = Role::responder,
                                   .keys = std::move(result.outcome->keys),
                                   .local_index = pending_response_->local_index,
                                   .remote_index = pending_response_->remote_index,
                                   .greatest_timestamp = replay_guard_.greatest(),
                                   .unproven = pending_response_->freshness == Freshness::unproven};
  if (actions.install->unproven)
    unproven_session_ = UnprovenSession{pending_response_->local_index, pending_response_->timestamp};
  actions.send = outgoing(Destination::initiation_source, cookies_.sign(result.outcome->message, *keys_, now.boot));
  unconfirmed_answer_ = UnconfirmedAnswer{pending_response_->local_index, pending_response_->preshared};
  pending_response_.reset();  // its index went with the session
  return actions;
}

// ---- both ----

tl::expected<void, HandshakeError> PeerHandshake::on_cookie_reply(const CookieReply& reply, const Instant& now) {
  return cookies_.accept(reply, *keys_, now.boot);
}

void PeerHandshake::on_session_confirmed(const Instant& now, std::optional<LocalIndex> index) {
  if (unproven_session_ && index == unproven_session_->local_index) {
    replay_guard_.confirm(unproven_session_->timestamp, now.boot);
    unproven_session_.reset();
  }
  if (unconfirmed_answer_ && index == unconfirmed_answer_->local_index) {
    proven_preshared_ = unconfirmed_answer_->preshared;
    unconfirmed_answer_.reset();
  }
  end_attempt();
  usable_since_ = now.boot;
}

void PeerHandshake::reset() {
  end_attempt();
  drop_pending_response();
  unproven_session_.reset();
  unconfirmed_answer_.reset();
  usable_since_.reset();
  last_initiation_at_.reset();
}

void PeerHandshake::replace_keys(std::shared_ptr<const PeerKeys> keys) {
  SP_CHECK(keys != nullptr && keys->public_key == keys_->public_key);
  end_attempt();
  drop_pending_response();
  unconfirmed_answer_.reset();
  proven_preshared_ = Preshared::present;
  keys_ = std::move(keys);
}

// ---- helpers ----

Preshared PeerHandshake::next_preshared() const noexcept {
  if (!keys_->former_preshared_key) return Preshared::present;
  if (!unconfirmed_answer_) return proven_preshared_;
  return unconfirmed_answer_->preshared == Preshared::present ? Preshared::former : Preshared::present;
}

BootTime PeerHandshake::retry_deadline(BootTime from) const {
  std::array<std::uint8_t, 2> random{};
  environment_.random(random);
  const unsigned value = random[0] | static_cast<unsigned>(random[1]) << 8;
  const auto span = static_cast<unsigned>(rekey_timeout_jitter_max.count()) + 1;
  return from + rekey_timeout + std::chrono::milliseconds(value % span);
}

void PeerHandshake::drop_try() {
  if (attempt_->index) environment_.indices.release(*attempt_->index);
  attempt_->index.reset();
  attempt_->sent.reset();
  attempt_->id = TryId{};
  attempt_->responses_in_flight = 0;
}

void PeerHandshake::end_attempt() {
  if (!attempt_) return;
  drop_try();
  attempt_.reset();
}

void PeerHandshake::drop_pending_response() {
  if (!pending_response_) return;
  environment_.indices.release(pending_response_->local_index);
  pending_response_.reset();
}

}  // namespace sallyport::wireguard
