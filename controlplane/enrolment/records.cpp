#include "controlplane/enrolment/records.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace sallyport::controlplane {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<RevocationKind, std::string_view>, 4> revocation_kinds = {{
    {RevocationKind::identity, "identity"},
    {RevocationKind::public_key, "key"},
    {RevocationKind::issuer_key, "issuer-key"},
    {RevocationKind::enrolment_key, "enrolment-key"},
}};

// ---- values ----

Json json_of(TimePoint time) {
  return time.time_since_epoch().count();
}

Json json_of(std::uint32_t number) {
  return number;
}

Json json_of(const PublicKey& key) {
  return encode_key(key);
}

Json json_of(const std::vector<IpPrefix>& prefixes) {
  Json list = Json::array();
  for (const IpPrefix& prefix : prefixes) list.push_back(prefix.to_string());
  return list;
}

Json json_of(const std::vector<policy::Claim>& claims) {
  Json list = Json::array();
  for (const policy::Claim& claim : claims) list.push_back({claim.issuer, claim.key, claim.values});
  return list;
}

Json json_of(const std::map<std::string, policy::PostureValue>& posture) {
  Json object = Json::object();
  for (const auto& [key, value] : posture)
    std::visit([&object, &key = key](const auto& of) { object[key] = of; }, value);
  return object;
}

template <typename Value>
Json json_of(const std::optional<Value>& value) {
  return value ? Json(json_of(*value)) : Json();
}

std::string text_of(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// ---- and back ----

// Takes members out of a document and remembers the first that is missing or of another type.
class Members {
 public:
  explicit Members(std::string_view document) : json_(Json::parse(document, nullptr, false)) {
    if (!json_.is_object()) problem_ = "it is no JSON object";
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  void take(const char* name, std::string& out) {
    if (const Json* value = find(name, &Json::is_string)) out = value->get<std::string>();
  }
  void take(const char* name, TimePoint& out) {
    if (const Json* value = find(name, &Json::is_number_integer)) out = time_of(*value);
  }
  void take(const char* name, std::chrono::seconds& out) {
    if (const Json* value = find(name, &Json::is_number_integer))
      out = std::chrono::seconds(value->get<std::int64_t>());
  }
  void take(const char* name, std::optional<TimePoint>& out) {
    if (const Json* value = find_or_null(name, &Json::is_number_integer)) out = time_of(*value);
  }
  void take(const char* name, std::optional<std::uint32_t>& out) {
    if (const Json* value = find_or_null(name, &Json::is_number_unsigned)) out = value->get<std::uint32_t>();
  }
  void take(const char* name, PublicKey& out) {
    if (const Json* value = find(name, &Json::is_string)) take_key(name, *value, out);
  }
  void take(const char* name, std::optional<PublicKey>& out) {
    const Json* value = find_or_null(name, &Json::is_string);
    if (value != nullptr) take_key(name, *value, out.emplace());
  }
  void take(const char* name, std::vector<std::string>& out) {
    const Json* list = find(name, &Json::is_array);
    if (list == nullptr) return;
    for (const Json& one : *list) one.is_string() ? out.push_back(one.get<std::string>()) : note(name);
  }
  void take(const char* name, std::vector<IpPrefix>& out) {
    std::vector<std::string> texts;
    take(name, texts);
    for (const std::string& text : texts) {
      const auto prefix = IpPrefix::parse(text);
      prefix ? out.push_back(*prefix) : note(name);
    }
    std::sort(out.begin(), out.end(),
              [](const IpPrefix& a, const IpPrefix& b) { return a.address.family < b.address.family; });
  }
  void take(const char* name, std::vector<policy::Claim>& out);
  void take(const char* name, std::map<std::string, policy::PostureValue>& out);

 private:
  static TimePoint time_of(const Json& value) { return TimePoint(std::chrono::seconds(value.get<std::int64_t>())); }

  void note(const char* name) {
    if (problem_.empty()) problem_ = std::string("its member ") + name + " is missing or of another type";
  }
  const Json* find(const char* name, bool (Json::*is)() const noexcept) {
    const auto found = problem_.empty() ? json_.find(name) : json_.end();
    if (found != json_.end() && ((*found).*is)()) return &*found;
    note(name);
    return nullptr;
  }
  const Json* find_or_null(const char* name, bool (Json::*is)() const noexcept) {
    const auto found = problem_.empty() ? json_.find(name) : json_.end();
    if (found != json_.end() && found->is_null()) return nullptr;
    return find(name, is);
  }
  void take_key(const char* name, const Json& value, PublicKey& out) {
    const auto key = decode_key(value.get_ref<const std::string&>());
    key ? void(out = *key) : note(name);
  }

  Json json_;
  std::string problem_;
};

void Members::take(const char* name, std::vector<policy::Claim>& out) {
  const Json* list = find(name, &Json::is_array);
  if (list == nullptr) return;
  for (const Json& one : *list) {
    const bool good = one.is_array() && one.size() == 3 && one[0].is_string() && one[1].is_string() &&
                      one[2].is_array() &&
                      std::all_of(one[2].begin(), one[2].end(), [](const Json& value) { return value.is_string(); });
    if (!good) return note(name);
    out.push_back({one[0].get<std::string>(), one[1].get<std::string>(), one[2].get<std::vector<std::string>>()});
  }
}

void Members::take(const char* name, std::map<std::string, policy::PostureValue>& out) {
  const Json* object = find(name, &Json::is_object);
  if (object == nullptr) return;
  for (const auto& [key, value] : object->items()) {
    if (value.is_boolean())
      out[key] = value.get<bool>();
    else if (value.is_number_integer())
      out[key] = value.get<std::int64_t>();
    else if (value.is_number_float())
      out[key] = value.get<double>();
    else if (value.is_string())
      out[key] = value.get<std::string>();
    else
      return note(name);
  }
}

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

class Writer {
 public:
  template <typename Value>
  void operator()(const char* name, const Value& value) {
    if constexpr (std::is_same_v<Value, std::string> || std::is_same_v<Value, std::vector<std::string>>)
      json_[name] = value;
    else if constexpr (std::is_same_v<Value, std::chrono::seconds>)
      json_[name] = value.count();
    else
      json_[name] = json_of(value);
  }
  [[nodiscard]] std::string text() const { return text_of(json_); }

 private:
  Json json_ = Json::object();
};

template <typename Record, typename Visit>
std::string written(const Record& record, Visit&& visit) {
  Writer writer;
  visit(writer, record);
  return writer.text();
}

template <typename Record, typename Visit>
tl::expected<Record, std::string> taken(std::string_view document, Visit&& visit) {
  Members members(document);
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
  return text_of({{"kind", name_of(revocation.kind)},
                  {"value", revocation.value},
                  {"at", json_of(revocation.at)},
                  {"by", revocation.by},
                  {"reason", revocation.reason}});
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
  Members members(document);
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
