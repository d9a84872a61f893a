// What operators do to sessions and enrolment keys, and what they are told of them all.
#include <algorithm>
#include <utility>

#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/enrolment/hash.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t key_name_characters_max = 63;
constexpr std::size_t key_tags_max = 64;

bool is_plain_name(const std::string& text) {
  return !text.empty() && text.size() <= key_name_characters_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

}  // namespace

tl::expected<std::size_t, std::string> EnrolmentService::revoke(Revocation& revocation, TimePoint now,
                                                                Effects& effects) {
  if (auto wrong = RevocationList::wrong_value(revocation.kind, revocation.value)) return tl::unexpected(*wrong);
  if (revocation.kind == RevocationKind::enrolment_key) {
    const auto named = std::find_if(keys_.begin(), keys_.end(), [&](const auto& entry) {
      return entry.first == revocation.value || entry.second.name == revocation.value;
    });
    if (named == keys_.end()) return tl::unexpected("there is no enrolment key '" + revocation.value + "'");
    revocation.value = named->first;
  }
  if (!revocations_.add(revocation))
    return tl::unexpected("there are " + std::to_string(RevocationList::revocations_max) + " revocations already");
  effects.to_store[key_of(revocation)] = to_document(revocation);
  const auto concerns = [&](const EnrolledSession& session) {
    switch (revocation.kind) {
      case RevocationKind::identity:
        return session.identity == revocation.value;
      case RevocationKind::public_key:
        return encode_key(session.public_key) == revocation.value ||
               (session.former_key && encode_key(*session.former_key) == revocation.value);
      case RevocationKind::issuer:
        return session.issuer == revocation.value;
      case RevocationKind::issuer_key:
        return session.issuer_key == revocation.value;
      case RevocationKind::enrolment_key:
        return session.enrolment_key == revocation.value;
    }
    return false;
  };
  const std::string why = "revoked: " + std::string(name_of(revocation.kind)) + ' ' + revocation.value;
  const std::size_t ended = end_if(concerns, why, now, effects);
  revoked_ += ended;
  return ended;
}

bool EnrolmentService::take_back(RevocationKind kind, const std::string& value, Effects& effects) {
  if (!revocations_.remove(kind, value)) return false;
  effects.to_store[key_of(Revocation{.kind = kind, .value = value})].clear();
  return true;
}

bool EnrolmentService::end(const std::string& id, const std::string& why, TimePoint now, Effects& effects) {
  if (!sessions_.contains(id)) return false;
  finish(id, why, now, effects);
  return true;
}

void EnrolmentService::make_way(const PublicKey& key, const std::vector<IpPrefix>& prefixes, TimePoint now,
                                Effects& effects) {
  end_if(
      [&](const EnrolledSession& session) {
        return session.public_key == key || session.former_key == key ||
               std::any_of(session.addresses.begin(), session.addresses.end(), [&](const IpPrefix& address) {
                 return std::find(prefixes.begin(), prefixes.end(), address) != prefixes.end();
               });
      },
      "a configured peer has its key or address now", now, effects);
}

tl::expected<MadeEnrolmentKey, std::string> EnrolmentService::make_key(const NewEnrolmentKey& wanted,
                                                                       std::string_view by, TimePoint now,
                                                                       Effects& effects) {
  if (!is_plain_name(wanted.name))
    return tl::unexpected(std::string("name: expected letters, digits, '.', '_' and '-', 63 characters at most"));
  if (wanted.tags.size() > key_tags_max || !std::all_of(wanted.tags.begin(), wanted.tags.end(), is_plain_name))
    return tl::unexpected("tags: expected at most " + std::to_string(key_tags_max) + " names");
  constexpr std::chrono::seconds longest = std::chrono::hours(24 * 366 * 10);
  if (wanted.valid_for < std::chrono::seconds(1) || wanted.valid_for > longest ||
      wanted.session < std::chrono::seconds(1) || wanted.session > longest)
    return tl::unexpected(std::string("expected durations from 1 second to 10 years"));
  if (wanted.uses == 0U) return tl::unexpected(std::string("uses: expected 1 or more"));
  if (keys_.size() >= enrolment_keys_max)
    return tl::unexpected("there are " + std::to_string(enrolment_keys_max) + " enrolment keys already");
  for (const auto& [id, key] : keys_)
    if (key.name == wanted.name) return tl::unexpected("there is an enrolment key '" + wanted.name + "' already");
  EnrolmentKey key{.id = draw_hex(6),
                   .name = wanted.name,
                   .secret_hash = {},
                   .tags = wanted.tags,
                   .uses_left = wanted.uses,
                   .expires = now + wanted.valid_for,
                   .session = wanted.session,
                   .created_at = now,
                   .by = std::string(by)};
  std::string secret = "spk_" + key.id + '_' + draw_hex(32);
  key.secret_hash = sha256(secret);
  effects.to_store[key_of(key)] = to_document(key);
  keys_[key.id] = key;
  return MadeEnrolmentKey{std::move(key), std::move(secret)};
}

bool EnrolmentService::forget_pin(const std::string& identity, Effects& effects) {
  if (pins_.erase(identity) == 0) return false;
  effects.to_store[key_of(PinnedName{.identity = identity})].clear();
  return true;
}

std::vector<EnrolmentKey> EnrolmentService::keys() const {
  std::vector<EnrolmentKey> list;
  for (const auto& [id, key] : keys_) list.push_back(key);
  return list;
}

std::vector<PinnedName> EnrolmentService::pins() const {
  std::vector<PinnedName> list;
  for (const auto& [identity, pinned] : pins_) list.push_back(pinned);
  return list;
}

// ---- counters ----

void EnrolmentService::count(const EnrolmentResult& result) {
  if (result) return;
  if (const auto* refused = std::get_if<RefusedProof>(&result.error()))
    ++refused_[static_cast<std::size_t>(refused->reason)];
  else
    ++failed_[static_cast<std::size_t>(std::get<EnrolmentFailure>(result.error()))];
}

std::vector<NamedCounter> EnrolmentService::counters() const {
  std::vector<NamedCounter> list = {
      {"enrolments", "sessions begun or begun anew by POST /v1/enroll", enrolled_},
      {"enrolment_renewals", "sessions renewed", renewed_},
      {"enrolment_posture_reports", "posture reports taken", posture_reports_},
      {"enrolment_ended_by_clients", "sessions that their clients ended", ended_by_clients_},
      {"enrolment_expired", "sessions that ended with their proof", expired_},
      {"enrolment_revoked", "sessions that a revocation ended", revoked_},
  };
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    const auto reason = static_cast<ProofRefusal>(i);
    list.push_back({"enrolment_refused_" + std::string(name_of(reason)), std::string(explain(reason)), refused_[i]});
  }
  for (std::size_t i = 0; i < failed_.size(); ++i) {
    const auto failure = static_cast<EnrolmentFailure>(i);
    list.push_back({"enrolment_failed_" + std::string(name_of(failure)), std::string(explain(failure)), failed_[i]});
  }
  return list;
}

}  // namespace sallyport::controlplane
