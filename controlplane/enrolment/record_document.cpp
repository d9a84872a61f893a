#include "controlplane/enrolment/record_document.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace sallyport::controlplane {
namespace {

// Documents from before there were such members have none.
constexpr std::array<std::string_view, 5> added_later = {
    "preshared_key", "former_preshared_key", "former_preshared_until", "post_quantum", "former_post_quantum"};

bool may_be_missing(std::string_view name) {
  return std::find(added_later.begin(), added_later.end(), name) != added_later.end();
}

TimePoint time_of(const nlohmann::json& value) {
  return TimePoint(std::chrono::seconds(value.get<std::int64_t>()));
}

}  // namespace

// ---- to a document ----

void DocumentWriter::add(const char* name, TimePoint time) {
  json_[name] = time.time_since_epoch().count();
}

void DocumentWriter::add(const char* name, const PublicKey& key) {
  json_[name] = encode_key(key);
}

void DocumentWriter::add(const char* name, const SharedKey& key) {
  json_[name] = key.is_set() ? encode_key(key.get()->expose()) : std::string();
}

void DocumentWriter::add(const char* name, const std::vector<IpPrefix>& prefixes) {
  nlohmann::json& list = json_[name] = nlohmann::json::array();
  for (const IpPrefix& prefix : prefixes) list.push_back(prefix.to_string());
}

void DocumentWriter::add(const char* name, const std::vector<policy::Claim>& claims) {
  nlohmann::json& list = json_[name] = nlohmann::json::array();
  for (const policy::Claim& claim : claims) list.push_back({claim.issuer, claim.key, claim.values});
}

void DocumentWriter::add(const char* name, const std::map<std::string, policy::PostureValue>& posture) {
  nlohmann::json& object = json_[name] = nlohmann::json::object();
  for (const auto& [key, value] : posture)
    std::visit([&object, &key = key](const auto& of) { object[key] = of; }, value);
}

std::string DocumentWriter::text() const {
  return json_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// ---- and back ----

DocumentReader::DocumentReader(std::string_view document) : json_(Json::parse(document, nullptr, false)) {
  if (!json_.is_object()) problem_ = "it is no JSON object";
}

void DocumentReader::note(const char* name) {
  if (problem_.empty()) problem_ = std::string("its member ") + name + " is missing or of another type";
}

const nlohmann::json* DocumentReader::find(const char* name, bool (Json::*is)() const noexcept) {
  if (!problem_.empty()) return nullptr;
  const auto found = json_.find(name);
  if (found != json_.end() && ((*found).*is)()) return &*found;
  if (found != json_.end() || !may_be_missing(name)) note(name);
  return nullptr;
}

const nlohmann::json* DocumentReader::find_or_null(const char* name, bool (Json::*is)() const noexcept) {
  const auto found = problem_.empty() ? json_.find(name) : json_.end();
  if (found != json_.end() && found->is_null()) return nullptr;
  return find(name, is);
}

void DocumentReader::take(const char* name, std::string& out) {
  if (const Json* value = find(name, &Json::is_string)) out = value->get<std::string>();
}

void DocumentReader::take(const char* name, bool& out) {
  if (const Json* value = find(name, &Json::is_boolean)) out = value->get<bool>();
}

void DocumentReader::take(const char* name, TimePoint& out) {
  if (const Json* value = find(name, &Json::is_number_integer)) out = time_of(*value);
}

void DocumentReader::take(const char* name, std::chrono::seconds& out) {
  if (const Json* value = find(name, &Json::is_number_integer)) out = std::chrono::seconds(value->get<std::int64_t>());
}

void DocumentReader::take(const char* name, std::optional<TimePoint>& out) {
  if (const Json* value = find_or_null(name, &Json::is_number_integer)) out = time_of(*value);
}

void DocumentReader::take(const char* name, std::optional<std::uint32_t>& out) {
  if (const Json* value = find_or_null(name, &Json::is_number_unsigned)) out = value->get<std::uint32_t>();
}

void DocumentReader::take(const char* name, PublicKey& out) {
  if (const Json* value = find(name, &Json::is_string)) take_key(name, *value, out);
}

void DocumentReader::take(const char* name, std::optional<PublicKey>& out) {
  const Json* value = find_or_null(name, &Json::is_string);
  if (value != nullptr) take_key(name, *value, out.emplace());
}

void DocumentReader::take(const char* name, SharedKey& out) {
  if (const Json* value = find(name, &Json::is_string)) take_secret(name, *value, out);
}

void DocumentReader::take(const char* name, std::optional<SharedKey>& out) {
  const Json* value = find_or_null(name, &Json::is_string);
  if (value != nullptr) take_secret(name, *value, out.emplace());
}

void DocumentReader::take_key(const char* name, const Json& value, PublicKey& out) {
  const auto key = decode_key(value.get_ref<const std::string&>());
  key ? void(out = *key) : note(name);
}

// An empty text: it is not set.
void DocumentReader::take_secret(const char* name, const Json& value, SharedKey& out) {
  if (value.get_ref<const std::string&>().empty()) return;
  PublicKey bytes{};
  take_key(name, value, bytes);
  out = SharedKey(Secret<key_bytes>(bytes));
  explicit_bzero(bytes.data(), bytes.size());
}

void DocumentReader::take(const char* name, std::vector<std::string>& out) {
  const Json* list = find(name, &Json::is_array);
  if (list == nullptr) return;
  for (const Json& one : *list) one.is_string() ? out.push_back(one.get<std::string>()) : note(name);
}

void DocumentReader::take(const char* name, std::vector<IpPrefix>& out) {
  std::vector<std::string> texts;
  take(name, texts);
  for (const std::string& text : texts) {
    const auto prefix = IpPrefix::parse(text);
    prefix ? out.push_back(*prefix) : note(name);
  }
  std::sort(out.begin(), out.end(),
            [](const IpPrefix& a, const IpPrefix& b) { return a.address.family < b.address.family; });
}

void DocumentReader::take(const char* name, std::vector<policy::Claim>& out) {
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

void DocumentReader::take(const char* name, std::map<std::string, policy::PostureValue>& out) {
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

}  // namespace sallyport::controlplane
