// Revocations: listed, made and taken back. One that is made is answered when it is on disk.
#include <array>
#include <memory>
#include <utility>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/request_object.hpp"
#include "controlplane/http/backlog_source.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned revocations_per_step = 256;
constexpr std::string_view expected_kind = "identity, key, issuer, issuer-key or enrolment-key";

std::string wrong_kind(std::string_view got) {
  return "kind: expected " + std::string(expected_kind) + ", got " + in_quotes(got);
}

Json revocation_json(const Revocation& revocation) {
  return {{"kind", name_of(revocation.kind)},
          {"value", revocation.value},
          {"at", policy::time_words(revocation.at)},
          {"by", revocation.by},
          {"reason", text_or_null(revocation.reason)}};
}

std::string revoked_text(const Revoked& revoked) {
  return to_text({{"kind", name_of(revoked.revocation.kind)},
                  {"value", revoked.revocation.value},
                  {"sessions_ended", revoked.sessions_ended},
                  {"peers_ended", revoked.peers_ended},
                  {"stored", revoked.stored}}) +
         '\n';
}

HttpResponse get_revocations(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  auto step = [list = call.backend.revocations(), next = std::size_t{0}](const JsonEmit& emit) mutable {
    for (unsigned i = 0; i < revocations_per_step && next < list.size(); ++i) emit(revocation_json(list[next++]));
    return next < list.size();
  };
  return stream(json_array(std::move(step), "{\"revocations\":", "}"));
}

HttpResponse post_revocation(const Call& call) {
  constexpr std::array<std::string_view, 3> known = {"kind", "value", "reason"};
  auto body = RequestObject::parse(call.request.body, known,
                                   R"({"kind": "identity", "value": "user:corp/ann@example.com", "reason": TEXT})");
  if (!body) return failure(400, body.error());
  const std::string kind_name = body->text("kind", 32);
  const std::string value = body->text("value", longest_identity_bytes);
  const std::string reason = body->optional_text("reason", longest_reason_bytes);
  if (!body->problem().empty()) return failure(400, body->problem());
  const auto kind = revocation_kind_of(kind_name);
  if (!kind) return failure(400, wrong_kind(kind_name));
  // Whoever asked may be gone when it is on disk; then the backlog is closed and takes the answer with it.
  auto backlog = std::make_shared<AnswerBacklog>();
  const auto begun = call.backend.revoke(*kind, value, reason, caller_of(call), [backlog](const Revoked& revoked) {
    if (backlog->ended || backlog->closed) return;
    backlog->bytes = revoked_text(revoked);
    backlog->ended = true;
    backlog->notify();
  });
  if (!begun) return failure(400, begun.error());
  return stream(std::make_unique<BacklogSource>(std::move(backlog), [] {}));
}

HttpResponse delete_revocation(const Call& call) {
  constexpr std::string_view known[] = {"kind", "value"};
  if (const auto wrong = wrong_query(call.target, known)) return failure(400, *wrong);
  const std::string kind_name(call.target.parameter("kind").value_or(""));
  const std::string value(call.target.parameter("value").value_or(""));
  const auto kind = revocation_kind_of(kind_name);
  if (!kind) return failure(400, wrong_kind(kind_name));
  if (value.empty()) return failure(400, "expected the parameter value");
  if (!call.backend.take_back_revocation(*kind, value, caller_of(call)))
    return failure(404, "no " + kind_name + ' ' + in_quotes(value) + " is revoked: GET /v1/revocations lists them");
  return document({{"kind", kind_name}, {"value", value}, {"taken_back", true}});
}

}  // namespace

std::span<const Endpoint> revocation_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"revocations"}, get_revocations, "identities and keys that are believed no more"},
      Endpoint{"POST", {"revocations"}, post_revocation, "revoke one; answered when it is on disk"},
      Endpoint{"DELETE", {"revocations"}, delete_revocation, "?kind= &value=: take one back"},
  };
  return list;
}

}  // namespace sallyport::controlplane
