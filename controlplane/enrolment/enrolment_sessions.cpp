// The sessions themselves: their begin, change and end, what finds them, and what operators do to them.
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

// Runs for each record of a kind that can be read.
template <typename Record>
void for_each(const Records& records, RecordKind kind, std::vector<std::string>& problems,
              const std::function<void(Record)>& take) {
  for (auto entry = records.lower_bound({kind, {}}); entry != records.end() && entry->first.kind == kind; ++entry) {
    auto record = from_document<Record>(entry->second);
    if (record)
      take(std::move(*record));
    else
      problems.push_back("record '" + entry->first.key + "' of enrolment: " + record.error());
  }
}

}  // namespace

// ---- look-ups ----

EnrolledSession* EnrolmentService::by_key(const PublicKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &sessions_.at(found->second);
}

EnrolledSession* EnrolmentService::by_token(const std::string& token) {
  const auto found = by_token_.find(sha256(token));
  return found == by_token_.end() ? nullptr : &sessions_.at(found->second);
}

EnrolledSession* EnrolmentService::of_machine(const std::string& identity, const std::string& instance) {
  const auto found = by_identity_.find(identity);
  if (instance.empty() || found == by_identity_.end()) return nullptr;
  for (const std::string& id : found->second)
    if (EnrolledSession& session = sessions_.at(id); session.instance == instance) return &session;
  return nullptr;
}

const EnrolledSession* EnrolmentService::by_peer_name(std::string_view name) const {
  const std::string prefix = peer_name_of({});
  if (!name.starts_with(prefix)) return nullptr;
  const auto found = sessions_.find(std::string(name.substr(prefix.size())));
  return found == sessions_.end() ? nullptr : &found->second;
}

void EnrolmentService::index(const EnrolledSession& session) {
  by_key_[session.public_key] = session.id;
  if (session.former_key) {
    by_key_[*session.former_key] = session.id;
    expiries_.emplace(session.former_until, session.id);
  }
  by_token_[session.token_hash] = session.id;
  by_identity_[session.identity].insert(session.id);
  expiries_.emplace(session.not_after, session.id);
}

void EnrolmentService::unindex(const EnrolledSession& session) {
  by_key_.erase(session.public_key);
  if (session.former_key) {
    by_key_.erase(*session.former_key);
    expiries_.erase({session.former_until, session.id});
  }
  by_token_.erase(session.token_hash);
  const auto group = by_identity_.find(session.identity);
  group->second.erase(session.id);
  if (group->second.empty()) by_identity_.erase(group);
  expiries_.erase({session.not_after, session.id});
}

// ---- begin, change, end ----

void EnrolmentService::begin(EnrolledSession session, Effects& effects) {
  index(session);
  effects.to_store[key_of(session)] = to_document(session);
  effects.sessions.push_back({std::nullopt, session, {}});
  std::string id = session.id;
  sessions_.insert_or_assign(std::move(id), std::move(session));
}

void EnrolmentService::change(EnrolledSession& session, EnrolledSession next, Effects& effects) {
  unindex(session);
  effects.sessions.push_back({std::exchange(session, std::move(next)), session, {}});
  index(session);
  effects.to_store[key_of(session)] = to_document(session);
}

void EnrolmentService::finish(const std::string& id, const std::string& why, TimePoint now, Effects& effects) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  unindex(found->second);
  leases_.release(found->second.addresses, now, effects.to_store);
  effects.to_store[key_of(found->second)].clear();
  effects.sessions.push_back({std::move(found->second), std::nullopt, why});
  sessions_.erase(found);
}

template <typename Condition>
std::size_t EnrolmentService::end_if(Condition&& condition, const std::string& why, TimePoint now, Effects& effects) {
  std::vector<std::string> ids;
  for (const auto& [id, session] : sessions_)
    if (condition(session)) ids.push_back(id);
  for (const std::string& id : ids) finish(id, why, now, effects);
  return ids.size();
}

void EnrolmentService::expire(TimePoint now, Effects& effects) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    EnrolledSession& session = sessions_.at(expiries_.begin()->second);
    if (session.not_after <= now) {
      ++expired_;
      finish(std::string(session.id), "its proof has ended", now, effects);
      continue;
    }
    EnrolledSession next = session;
    next.former_key.reset();
    change(session, std::move(next), effects);
  }
}

std::optional<TimePoint> EnrolmentService::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}

std::string EnrolmentService::draw_hex(std::size_t bytes) {
  std::vector<std::uint8_t> drawn(bytes);
  random_(drawn.data(), drawn.size());
  return hex_of(drawn);
}

// ---- configuration, restart ----

void EnrolmentService::configure(std::optional<Settings> settings, TimePoint now, Effects& effects) {
  if (!settings) {
    end_if([](const EnrolledSession&) { return true; }, "enrolment was switched off", now, effects);
    settings_.reset();
    return;
  }
  settings_ = std::move(settings);
  end_if([&](const EnrolledSession& session) { return session.wireguard != settings_->wireguard; },
         "enrolment moved to another interface", now, effects);
  const auto lost = leases_.configure(settings_->pool_prefixes, settings_->reserved, effects.to_store);
  for (const AddressLease& lease : lost)
    end_if([&](const EnrolledSession& session) { return session.addresses == lease.addresses; },
           "its address left the pool", now, effects);
}

std::vector<std::string> EnrolmentService::restore(const Records& records, TimePoint now, Effects& effects) {
  std::vector<std::string> problems;
  for_each<Revocation>(records, RecordKind::revocation, problems, [&](Revocation one) { revocations_.add(one); });
  for_each<PinnedName>(records, RecordKind::pin, problems,
                       [&](PinnedName one) { pins_[one.identity] = std::move(one); });
  for_each<EnrolmentKey>(records, RecordKind::enrolment_key, problems,
                         [&](EnrolmentKey one) { keys_[one.id] = std::move(one); });
  for_each<AddressLease>(records, RecordKind::lease, problems, [&](AddressLease one) {
    if (settings_ && !leases_.restore(one)) effects.to_store[key_of(one)].clear();
  });
  for_each<EnrolledSession>(records, RecordKind::session, problems, [&](EnrolledSession session) {
    const auto drop = [&](std::string why) {
      effects.to_store[key_of(session)].clear();
      effects.sessions.push_back({session, std::nullopt, std::move(why)});
    };
    if (!settings_ || session.wireguard != settings_->wireguard) return drop("enrolment was switched off or moved");
    if (session.not_after <= now) return drop("its proof ended while the control plane was away");
    if (session.former_key && session.former_until <= now) session.former_key.reset();
    if (by_key_.contains(session.public_key) || check_key_(session.public_key))
      return drop("its key is somebody else's now");
    if (!leases_.acquire(session.identity, session.addresses)) return drop("its address left the pool");
    begin(std::move(session), effects);
  });
  return problems;
}

// ---- operators ----

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

Granted EnrolmentService::granted(const EnrolledSession& session, std::string token) const {
  return {.session_id = session.id,
          .session_token = std::move(token),
          .identity = session.identity,
          .public_key = session.public_key,
          .addresses = session.addresses,
          .gateway_key = settings_->gateway_key,
          .endpoint = settings_->endpoint,
          .dns = settings_->dns,
          .routes = settings_->routes,
          .mtu = settings_->mtu,
          .expires_at = session.not_after};
}

}  // namespace sallyport::controlplane
