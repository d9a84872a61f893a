// Enrolment keys: listed and made. The secret of a new one stands in the answer and nowhere else.
#include <array>
#include <set>
#include <utility>

#include "config/limits.hpp"
#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/request_object.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned keys_per_step = 256;
constexpr std::uint64_t most_uses = 1'000'000;
constexpr std::uint64_t shortest_s = 60;
constexpr std::uint64_t longest_s = std::uint64_t{10} * 365 * 24 * 3600;

Json enrolment_key_json(const EnrolmentKey& key, bool revoked) {
  return {{"id", key.id},
          {"name", key.name},
          {"tags", key.tags},
          {"uses_left", key.uses_left ? Json(*key.uses_left) : Json()},
          {"expires", policy::time_words(key.expires)},
          {"session_s", key.session.count()},
          {"created_at", policy::time_words(key.created_at)},
          {"by", key.by},
          {"revoked", revoked}};
}

std::set<std::string> revoked_keys(const AdminBackend& backend) {
  std::set<std::string> ids;
  for (Revocation& revocation : backend.revocations())
    if (revocation.kind == RevocationKind::enrolment_key) ids.insert(std::move(revocation.value));
  return ids;
}

tl::expected<NewEnrolmentKey, std::string> read_key(const std::string& text) {
  constexpr std::array<std::string_view, 5> known = {"name", "tags", "uses", "expires_in_s", "session_s"};
  auto body = RequestObject::parse(
      text, known, R"({"name": TEXT, "tags": [TEXT, ...], "uses": N, "expires_in_s": SECONDS, "session_s": SECONDS})");
  if (!body) return tl::unexpected(body.error());
  NewEnrolmentKey key{.name = body->text("name", config::limits::name_characters),
                      .tags = body->texts("tags", config::limits::tags, config::limits::text_characters),
                      .uses = {}};
  if (const auto uses = body->optional_number("uses", 1, most_uses)) key.uses = static_cast<std::uint32_t>(*uses);
  key.valid_for = std::chrono::seconds(body->number("expires_in_s", shortest_s, longest_s));
  key.session = std::chrono::seconds(body->number("session_s", shortest_s, longest_s));
  if (!body->problem().empty()) return tl::unexpected(body->problem());
  return key;
}

HttpResponse get_enrolment_keys(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  auto step = [list = call.backend.enrolment_keys(), revoked = revoked_keys(call.backend),
               next = std::size_t{0}](const JsonEmit& emit) mutable {
    for (unsigned i = 0; i < keys_per_step && next < list.size(); ++i, ++next)
      emit(enrolment_key_json(list[next], revoked.contains(list[next].id)));
    return next < list.size();
  };
  return stream(json_array(std::move(step), "{\"enrolment_keys\":", "}"));
}

HttpResponse post_enrolment_key(const Call& call) {
  const auto wanted = read_key(call.request.body);
  if (!wanted) return failure(400, wanted.error());
  const auto made = call.backend.make_enrolment_key(*wanted, caller_of(call));
  if (!made) return failure(409, made.error());
  Json view = enrolment_key_json(made->key, false);
  view["secret"] = made->secret;
  return document(view, 201);
}

}  // namespace

std::span<const Endpoint> enrolment_key_endpoints() {
  static constexpr std::array list = {
      Endpoint{
          "GET", {"enrolment-keys"}, get_enrolment_keys, "keys by which machines enrol without an identity provider"},
      Endpoint{"POST", {"enrolment-keys"}, post_enrolment_key, "make one; its secret is in the answer alone"},
  };
  return list;
}

}  // namespace sallyport::controlplane
