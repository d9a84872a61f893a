// The sessions themselves: their begin, change and end, and what finds them.
#include <utility>

#include "controlplane/enrolment/enrolment_service.hpp"
#include "controlplane/enrolment/hash.hpp"

namespace sallyport::controlplane {
namespace {

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

// Of both kinds, those whose time is over.
void forget_former_keys(EnrolledSession& session, TimePoint now) {
  if (session.former_until <= now) session.former_key.reset();
  if (session.former_preshared_until <= now) session.former_preshared_key.reset();
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
  if (session.former_preshared_key) expiries_.emplace(session.former_preshared_until, session.id);
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
  if (session.former_preshared_key) expiries_.erase({session.former_preshared_until, session.id});
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
  remember(found->second, why, now);
  effects.sessions.push_back({std::move(found->second), std::nullopt, why});
  sessions_.erase(found);
}

void EnrolmentService::remember(const EnrolledSession& session, const std::string& why, TimePoint now) {
  past_.push_front({session, now, why});
  past_.front().session.preshared_key = SharedKey();
  past_.front().session.former_preshared_key.reset();
  if (past_.size() > past_max) past_.pop_back();
}

std::size_t EnrolmentService::end_if(const Condition& condition, const std::string& why, TimePoint now,
                                     Effects& effects) {
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
    forget_former_keys(next, now);
    change(session, std::move(next), effects);
  }
}

std::optional<TimePoint> EnrolmentService::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}

void EnrolmentService::draw_preshared_key(EnrolledSession& session, bool post_quantum) {
  Secret<key_bytes> key;
  random_(key.expose_mutable().data(), key_bytes);
  session.preshared_key = SharedKey(std::move(key));
  session.post_quantum = post_quantum;
}

void EnrolmentService::change_preshared_key(EnrolledSession& session, bool post_quantum, TimePoint now) {
  session.former_preshared_key = session.preshared_key;
  session.former_preshared_until = now + former_key_lifetime;
  session.former_post_quantum = session.post_quantum;
  draw_preshared_key(session, post_quantum);
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
      remember(session, why, now);
      effects.sessions.push_back({session, std::nullopt, std::move(why)});
    };
    if (!settings_ || session.wireguard != settings_->wireguard) return drop("enrolment was switched off or moved");
    if (session.not_after <= now) return drop("its proof ended while the control plane was away");
    forget_former_keys(session, now);
    if (by_key_.contains(session.public_key) || check_key_(session.public_key))
      return drop("its key is somebody else's now");
    if (!leases_.acquire(session.identity, session.addresses)) return drop("its address left the pool");
    begin(std::move(session), effects);
  });
  return problems;
}

Granted EnrolmentService::granted(const EnrolledSession& session, std::string token) const {
  return {.session_id = session.id,
          .session_token = std::move(token),
          .identity = session.identity,
          .public_key = session.public_key,
          .preshared_key = session.preshared_key,
          .post_quantum = session.post_quantum,
          .addresses = session.addresses,
          .gateway_key = settings_->gateway_key,
          .endpoint = settings_->endpoint,
          .dns = settings_->dns,
          .routes = settings_->routes,
          .mtu = settings_->mtu,
          .expires_at = session.not_after};
}

}  // namespace sallyport::controlplane
