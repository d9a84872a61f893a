// What clients ask: enroll, renew, posture, end.
#include "controlplane/enrolment/enrolment_service.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/enrolment/hash.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t session_token_bytes = 32;
constexpr std::string_view secret_prefix = "spk_";

// "spk_ID_SECRET" -> ID.
std::optional<std::string> id_of_secret(const std::string& secret) {
  if (!secret.starts_with(secret_prefix)) return std::nullopt;
  const auto end = secret.find('_', secret_prefix.size());
  if (end == std::string::npos) return std::nullopt;
  return secret.substr(secret_prefix.size(), end - secret_prefix.size());
}

bool same_hash(const Hash& a, const Hash& b) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace

EnrolmentService::EnrolmentService(CheckKey check_key, HasRoom has_room, Random random)
    : check_key_(std::move(check_key)), has_room_(std::move(has_room)), random_(std::move(random)) {}

EnrolmentResult EnrolmentService::answer(const EnrolmentRequest& request, TimePoint now, Effects& effects) {
  EnrolmentResult result = Failure(EnrolmentFailure::switched_off);
  if (settings_) {
    expire(now, effects);
    struct Visitor {
      EnrolmentService& self;
      TimePoint now;
      Effects& effects;
      EnrolmentResult operator()(const EnrollRequest& one) const { return self.enroll(one, now, effects); }
      EnrolmentResult operator()(const RenewRequest& one) const { return self.renew(one, now, effects); }
      EnrolmentResult operator()(const PostureRequest& one) const { return self.take_posture(one, now, effects); }
      EnrolmentResult operator()(const StateRequest& one) const { return self.state_of(one); }
      EnrolmentResult operator()(const EndRequest& one) const { return self.end_by_client(one, now, effects); }
    };
    result = std::visit(Visitor{*this, now, effects}, request);
  }
  count(result);
  return result;
}

// ---- what was proven ----

RefusedProof EnrolmentService::refusal(ProofRefusal reason, const Grounds& grounds, std::string detail) {
  return {reason, grounds.issuer, std::move(detail)};
}

tl::expected<EnrolmentService::Grounds, EnrolmentRefusal> EnrolmentService::judge(const Evidence& evidence,
                                                                                  const PublicKey& key,
                                                                                  const EnrolledSession* present,
                                                                                  TimePoint now) {
  if (const auto* secret = std::get_if<EnrolmentSecret>(&evidence)) return judge_secret(*secret, key, present, now);
  const Proof& proof = std::get<Proof>(evidence);
  Grounds grounds{.identity = proof.identity,
                  .issuer = proof.issuer,
                  .subject = proof.subject,
                  .issuer_key = proof.issuer_key,
                  .enrolment_key = {},
                  .instance = proof.instance,
                  .name_may_move = proof.name_may_move,
                  .claims = proof.claims,
                  .claims_at = proof.issued_at.value_or(now),
                  .tags = {},
                  .authenticated_at = proof.authenticated_at,
                  .not_after = proof.not_after};
  if (grounds.not_after <= now) return Failure(refusal(ProofRefusal::expired, grounds, "the proof has ended"));
  return grounds;
}

tl::expected<EnrolmentService::Grounds, EnrolmentRefusal> EnrolmentService::judge_secret(const EnrolmentSecret& secret,
                                                                                         const PublicKey& key,
                                                                                         const EnrolledSession* present,
                                                                                         TimePoint now) {
  const auto refused = [](ProofRefusal reason, std::string detail) {
    return Failure(RefusedProof{reason, {}, std::move(detail)});
  };
  const auto id = id_of_secret(secret.text);
  const auto found = id ? keys_.find(*id) : keys_.end();
  // Compared in any case: whether an id exists shows in no timing.
  const Hash hash = sha256(secret.text);
  if (found == keys_.end() || !same_hash(hash, found->second.secret_hash))
    return refused(ProofRefusal::unknown_enrolment_key, "");
  const EnrolmentKey& known = found->second;
  const std::string named = "enrolment key " + known.name + " (" + known.id + ")";
  if (revocations_.contains(RevocationKind::enrolment_key, known.id))
    return refused(ProofRefusal::revoked_enrolment_key, named);
  const bool renews = present != nullptr && present->enrolment_key == known.id;
  if (!renews && known.expires <= now) return refused(ProofRefusal::enrolment_key_expired, named);
  if (!renews && known.uses_left == 0U) return refused(ProofRefusal::enrolment_key_used_up, named);
  Grounds grounds;
  grounds.identity = renews ? present->identity : "machine:" + known.name + '/' + encode_key(key);
  grounds.subject = grounds.identity;
  grounds.enrolment_key = known.id;
  grounds.tags = known.tags;
  grounds.not_after = now + known.session;
  return grounds;
}

std::optional<RefusedProof> EnrolmentService::forbidden(const Grounds& grounds, const PublicKey& key) const {
  if (revocations_.contains(RevocationKind::identity, grounds.identity))
    return refusal(ProofRefusal::revoked_identity, grounds, grounds.identity);
  if (!grounds.issuer.empty() && revocations_.contains(RevocationKind::issuer, grounds.issuer))
    return refusal(ProofRefusal::revoked_issuer, grounds, grounds.identity + " by issuer " + grounds.issuer);
  if (!grounds.issuer_key.empty() && revocations_.contains(RevocationKind::issuer_key, grounds.issuer_key))
    return refusal(ProofRefusal::revoked_issuer_key, grounds, grounds.identity + " by key " + grounds.issuer_key);
  if (revocations_.contains(key))
    return refusal(ProofRefusal::revoked_public_key, grounds, grounds.identity + " with key " + encode_key(key));
  const auto pinned = pins_.find(grounds.identity);
  if (grounds.name_may_move && pinned != pins_.end() && pinned->second.subject != grounds.subject)
    return refusal(ProofRefusal::name_is_anothers, grounds, grounds.identity + " is pinned to another subject");
  return std::nullopt;
}

// A proof that is good still, but older than another that this identity has shown, gives nothing back.
void EnrolmentService::keep_newer_claims(Grounds& grounds) const {
  const auto found = by_identity_.find(grounds.identity);
  if (found == by_identity_.end() || grounds.issuer.empty()) return;
  for (const std::string& id : found->second) {
    const EnrolledSession& other = sessions_.at(id);
    if (other.issuer != grounds.issuer || other.claims_at <= grounds.claims_at) continue;
    grounds.claims = other.claims;
    grounds.claims_at = other.claims_at;
  }
}

void EnrolmentService::pin(const Grounds& grounds, TimePoint now, Effects& effects) {
  if (!grounds.name_may_move || pins_.contains(grounds.identity)) return;
  const PinnedName& pinned = pins_[grounds.identity] = {grounds.identity, grounds.subject, now};
  effects.to_store[key_of(pinned)] = to_document(pinned);
}

void EnrolmentService::use_up(const Grounds& grounds, Effects& effects) {
  const auto found = keys_.find(grounds.enrolment_key);
  if (found == keys_.end() || !found->second.uses_left) return;
  --*found->second.uses_left;
  effects.to_store[key_of(found->second)] = to_document(found->second);
}

// ---- enroll ----

EnrolmentResult EnrolmentService::enroll(const EnrollRequest& request, TimePoint now, Effects& effects) {
  const auto grounds = grounds_to_enroll(request, now);
  if (!grounds) return Failure(grounds.error());
  EnrolledSession* present = by_key(request.public_key);
  // A machine that comes back with another key takes over its former session's place.
  if (present == nullptr) present = of_machine(grounds->identity, grounds->instance);
  if (present != nullptr && present->public_key != request.public_key) {
    finish(present->id, "its machine enrolled with another key", now, effects);
    present = nullptr;
  }
  auto session = present != nullptr ? tl::expected<EnrolledSession, EnrolmentRefusal>(*present)
                                    : new_session(request, *grounds, now, effects);
  if (!session) return Failure(std::move(session.error()));
  if (present != nullptr) change_preshared_key(*session, request.post_quantum, now);
  std::array<std::uint8_t, session_token_bytes> drawn;
  random_(drawn.data(), drawn.size());
  std::string token = base64url(drawn);
  session->identity = grounds->identity;
  session->issuer = grounds->issuer;
  session->subject = grounds->subject;
  session->issuer_key = grounds->issuer_key;
  session->enrolment_key = grounds->enrolment_key;
  session->instance = grounds->instance;
  session->claims = grounds->claims;
  session->claims_at = grounds->claims_at;
  session->tags = grounds->tags;
  session->authenticated_at = grounds->authenticated_at;
  session->renewed_at = now;
  session->not_after = grounds->not_after;
  if (settings_->max_session) session->not_after = std::min(session->not_after, now + *settings_->max_session);
  session->token_hash = sha256(token);
  session->source = request.source.is_set() ? request.source.to_string() : std::string();
  pin(*grounds, now, effects);
  ++enrolled_;
  const Granted answer = granted(*session, std::move(token));
  const std::string id = session->id;
  if (present != nullptr)
    change(*present, std::move(*session), effects);
  else
    begin(std::move(*session), effects);
  spread_claims(sessions_.at(id), effects);
  return answer;
}

// Whether the proof is good, and the key this identity's.
tl::expected<EnrolmentService::Grounds, EnrolmentRefusal> EnrolmentService::grounds_to_enroll(
    const EnrollRequest& request, TimePoint now) {
  const EnrolledSession* present = by_key(request.public_key);
  auto grounds = judge(request.evidence, request.public_key, present, now);
  if (!grounds) return grounds;
  if (auto refused = forbidden(*grounds, request.public_key)) return Failure(std::move(*refused));
  if (present != nullptr && present->identity != grounds->identity)
    return Failure(
        refusal(ProofRefusal::key_is_anothers, *grounds, grounds->identity + " with a key of " + present->identity));
  if (present == nullptr)
    if (const auto why = check_key_(request.public_key))
      return Failure(refusal(*why, *grounds, grounds->identity + " with key " + encode_key(request.public_key)));
  if (grounds->name_may_move && !pins_.contains(grounds->identity) && pins_.size() >= pins_max)
    return Failure(EnrolmentFailure::gateway_is_full);
  if (grounds->instance.empty()) grounds->instance = request.instance;
  keep_newer_claims(*grounds);
  return grounds;
}

// One that is not there yet: what it keeps for its whole life.
tl::expected<EnrolledSession, EnrolmentRefusal> EnrolmentService::new_session(const EnrollRequest& request,
                                                                              const Grounds& grounds, TimePoint now,
                                                                              Effects& effects) {
  const auto others = by_identity_.find(grounds.identity);
  if (others != by_identity_.end() && others->second.size() >= settings_->sessions_per_identity)
    return Failure(EnrolmentFailure::too_many_sessions);
  if (!has_room_()) return Failure(EnrolmentFailure::gateway_is_full);
  const auto addresses = leases_.acquire(grounds.identity, grounds.instance, now, effects.to_store);
  if (!addresses) return Failure(EnrolmentFailure::pool_is_empty);
  EnrolledSession session;
  session.id = draw_hex(8);
  session.wireguard = settings_->wireguard;
  session.public_key = request.public_key;
  session.addresses = *addresses;
  session.enrolled_at = now;
  draw_preshared_key(session, request.post_quantum);
  use_up(grounds, effects);
  return session;
}

void EnrolmentService::spread_claims(const EnrolledSession& newest, Effects& effects) {
  const auto found = by_identity_.find(newest.identity);
  if (found == by_identity_.end() || newest.issuer.empty()) return;
  const std::set<std::string> ids = found->second;  // a change takes each out and puts it in again
  for (const std::string& id : ids) {
    EnrolledSession& other = sessions_.at(id);
    const bool same = other.claims == newest.claims && other.claims_at == newest.claims_at;
    if (id == newest.id || other.issuer != newest.issuer || same) continue;
    EnrolledSession next = other;
    next.claims = newest.claims;
    next.claims_at = newest.claims_at;
    change(other, std::move(next), effects);
  }
}

// ---- renew ----

EnrolmentResult EnrolmentService::renew(const RenewRequest& request, TimePoint now, Effects& effects) {
  EnrolledSession* present = by_key(request.public_key);
  auto grounds = judge(request.evidence, request.public_key, present, now);
  if (!grounds) return Failure(std::move(grounds.error()));
  if (auto refused = forbidden(*grounds, request.public_key)) return Failure(std::move(*refused));
  if (present == nullptr || present->identity != grounds->identity)
    return Failure(refusal(ProofRefusal::unknown_session, *grounds, grounds->identity));
  const PublicKey& wanted = request.new_public_key.value_or(request.public_key);
  if (wanted != present->public_key && wanted != present->former_key) {
    if (revocations_.contains(wanted))
      return Failure(refusal(ProofRefusal::revoked_public_key, *grounds, encode_key(wanted)));
    if (by_key(wanted) != nullptr) return Failure(refusal(ProofRefusal::key_is_anothers, *grounds, grounds->identity));
    if (const auto why = check_key_(wanted)) return Failure(refusal(*why, *grounds, grounds->identity));
  }

  keep_newer_claims(*grounds);
  EnrolledSession next = *present;
  if (request.new_public_key && wanted != present->public_key) {
    next.former_key = present->public_key;
    next.former_until = now + former_key_lifetime;
    next.public_key = wanted;
  }
  change_preshared_key(next, request.post_quantum, now);
  next.issuer_key = grounds->issuer_key;
  next.claims = grounds->claims;
  next.claims_at = grounds->claims_at;
  next.tags = grounds->tags;
  next.authenticated_at = grounds->authenticated_at;
  next.renewed_at = now;
  next.not_after = grounds->not_after;
  if (settings_->max_session) next.not_after = std::min(next.not_after, now + *settings_->max_session);
  if (request.source.is_set()) next.source = request.source.to_string();
  pin(*grounds, now, effects);
  ++renewed_;
  change(*present, std::move(next), effects);
  spread_claims(*present, effects);
  return granted(*present, {});
}

// ---- posture, state, end ----

EnrolmentResult EnrolmentService::take_posture(const PostureRequest& request, TimePoint now, Effects& effects) {
  EnrolledSession* present = by_token(request.session_token);
  if (present == nullptr) return Failure(RefusedProof{ProofRefusal::unknown_session, {}, "a posture report"});
  EnrolledSession next = *present;
  next.posture = request.posture;
  next.posture_until = now + std::clamp(request.time_to_live, std::chrono::seconds(1), posture_time_to_live_max);
  if (request.view) {
    next.client_view = request.view;
    next.client_view->at = now;
  }
  ++posture_reports_;
  const PostureTaken answer{*next.posture_until};
  change(*present, std::move(next), effects);
  return answer;
}

EnrolmentResult EnrolmentService::state_of(const StateRequest& request) {
  const EnrolledSession* present = by_token(request.session_token);
  if (present == nullptr) return Failure(RefusedProof{ProofRefusal::unknown_session, {}, "a look at a session"});
  SessionState state{.granted = granted(*present, {}),
                     .enrolled_at = present->enrolled_at,
                     .renewed_at = present->renewed_at,
                     .former_key_until = {},
                     .former_preshared_key_until = {},
                     .posture_until = present->posture_until};
  state.granted.preshared_key = SharedKey();
  state.granted.post_quantum = is_post_quantum(*present);
  if (present->former_key) state.former_key_until = present->former_until;
  if (present->former_preshared_key) state.former_preshared_key_until = present->former_preshared_until;
  return state;
}

EnrolmentResult EnrolmentService::end_by_client(const EndRequest& request, TimePoint now, Effects& effects) {
  const EnrolledSession* present = by_token(request.session_token);
  if (present == nullptr) return Failure(RefusedProof{ProofRefusal::unknown_session, {}, "an end of a session"});
  ++ended_by_clients_;
  finish(std::string(present->id), "ended by its client", now, effects);
  return Ended{};
}

}  // namespace sallyport::controlplane
