#include "controlplane/enrolment/records.hpp"

#include <utility>

#include "controlplane/enrolment/record_document.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::array<std::pair<RevocationKind, std::string_view>, 5> revocation_kinds = {{
    {RevocationKind::identity, "identity"},
    {RevocationKind::public_key, "key"},
    {RevocationKind::issuer, "issuer"},
    {RevocationKind::issuer_key, "issuer-key"},
    {RevocationKind::enrolment_key, "enrolment-key"},
}};

// One list of members for writing and reading.
template <typename Visitor, typename Session>
void visit_session(Visitor&& visit, Session& session) {
  visit("id", session.id);
  visit("identity", session.identity);
  visit("issuer", session.issuer);
  visit("subject", session.subject);
  visit("issuer_key", session.issuer_key);
  visit("enrolment_key", session.enrolment_key);
  visit("instance", session.instance);
  visit("wireguard", session.wireguard);
  visit("public_key", session.public_key);
  visit("former_key", session.former_key);
  visit("former_until", session.former_until);
  visit("preshared_key", session.preshared_key);
  visit("former_preshared_key", session.former_preshared_key);
  visit("former_preshared_until", session.former_preshared_until);
  visit("post_quantum", session.post_quantum);
  visit("former_post_quantum", session.former_post_quantum);
  visit("addresses", session.addresses);
  visit("claims", session.claims);
  visit("claims_at", session.claims_at);
  visit("tags", session.tags);
  visit("posture", session.posture);
  visit("posture_until", session.posture_until);
  visit("authenticated_at", session.authenticated_at);
  visit("enrolled_at", session.enrolled_at);
  visit("renewed_at", session.renewed_at);
  visit("not_after", session.not_after);
  visit("token_hash", session.token_hash);
  visit("source", session.source);
}

template <typename Visitor, typename Lease>
void visit_lease(Visitor&& visit, Lease& lease) {
  visit("identity", lease.identity);
  visit("instance", lease.instance);
  visit("addresses", lease.addresses);
  visit("last_used", lease.last_used);
}

template <typename Visitor, typename Pin>
void visit_pin(Visitor&& visit, Pin& pin) {
  visit("identity", pin.identity);
  visit("subject", pin.subject);
  visit("at", pin.at);
}

template <typename Visitor, typename Key>
void visit_enrolment_key(Visitor&& visit, Key& key) {
  visit("id", key.id);
  visit("name", key.name);
  visit("secret_hash", key.secret_hash);
  visit("tags", key.tags);
  visit("uses_left", key.uses_left);
  visit("expires", key.expires);
  visit("session_s", key.session);
  visit("created_at", key.created_at);
  visit("by", key.by);
}

template <typename Record, typename Visit>
std::string written(const Record& record, Visit&& visit) {
  DocumentWriter writer;
  const auto add = [&](const char* name, const auto& value) { writer.add(name, value); };
  visit(add, record);
  return writer.text();
}

template <typename Record, typename Visit>
tl::expected<Record, std::string> taken(std::string_view document, Visit&& visit) {
  DocumentReader members(document);
  Record record;
  const auto take = [&](const char* name, auto& value) { members.take(name, value); };
  visit(take, record);
  if (!members.problem().empty()) return tl::unexpected(members.problem());
  return record;
}

constexpr auto sessions = [](auto&& visitor, auto& record) { visit_session(visitor, record); };
constexpr auto leases = [](auto&& visitor, auto& record) { visit_lease(visitor, record); };
constexpr auto pins = [](auto&& visitor, auto& record) { visit_pin(visitor, record); };
constexpr auto keys = [](auto&& visitor, auto& record) { visit_enrolment_key(visitor, record); };

}  // namespace

std::string peer_name_of(const std::string& session_id) {
  return "enrolled-" + session_id;
}

bool is_post_quantum(const EnrolledSession& session) {
  return session.post_quantum && (!session.former_preshared_key || session.former_post_quantum);
}

std::string_view name_of(RevocationKind kind) {
  for (const auto& [known, name] : revocation_kinds)
    if (known == kind) return name;
  return {};
}

std::optional<RevocationKind> revocation_kind_of(std::string_view name) {
  for (const auto& [kind, known] : revocation_kinds)
    if (known == name) return kind;
  return std::nullopt;
}

RecordKey key_of(const EnrolledSession& session) {
  return {RecordKind::session, session.id};
}
RecordKey key_of(const AddressLease& lease) {
  return {RecordKind::lease, lease.addresses.empty() ? std::string() : lease.addresses.front().to_string()};
}
RecordKey key_of(const PinnedName& pin) {
  return {RecordKind::pin, pin.identity};
}
RecordKey key_of(const Revocation& revocation) {
  return {RecordKind::revocation, std::string(name_of(revocation.kind)) + ' ' + revocation.value};
}
RecordKey key_of(const EnrolmentKey& key) {
  return {RecordKind::enrolment_key, key.id};
}

std::string to_document(const EnrolledSession& session) {
  return written(session, sessions);
}
std::string to_document(const AddressLease& lease) {
  return written(lease, leases);
}
std::string to_document(const PinnedName& pin) {
  return written(pin, pins);
}
std::string to_document(const EnrolmentKey& key) {
  return written(key, keys);
}
std::string to_document(const Revocation& revocation) {
  DocumentWriter writer;
  writer.add("kind", std::string(name_of(revocation.kind)));
  writer.add("value", revocation.value);
  writer.add("at", revocation.at);
  writer.add("by", revocation.by);
  writer.add("reason", revocation.reason);
  return writer.text();
}

template <>
tl::expected<EnrolledSession, std::string> from_document(std::string_view document) {
  return taken<EnrolledSession>(document, sessions);
}
template <>
tl::expected<AddressLease, std::string> from_document(std::string_view document) {
  return taken<AddressLease>(document, leases);
}
template <>
tl::expected<PinnedName, std::string> from_document(std::string_view document) {
  return taken<PinnedName>(document, pins);
}
template <>
tl::expected<EnrolmentKey, std::string> from_document(std::string_view document) {
  return taken<EnrolmentKey>(document, keys);
}
template <>
tl::expected<Revocation, std::string> from_document(std::string_view document) {
  DocumentReader members(document);
  Revocation revocation;
  std::string kind;
  members.take("kind", kind);
  members.take("value", revocation.value);
  members.take("at", revocation.at);
  members.take("by", revocation.by);
  members.take("reason", revocation.reason);
  const auto known = revocation_kind_of(kind);
  if (members.problem().empty() && !known) return tl::unexpected("its kind '" + kind + "' is unknown");
  if (!members.problem().empty()) return tl::unexpected(members.problem());
  revocation.kind = *known;
  return revocation;
}

}  // namespace sallyport::controlplane
