#include "tools/ctl/enroll/enrolment_client.hpp"

#include <utility>

#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

using RefusalKind = Refusal::Kind;

constexpr std::size_t longest_sentence_bytes = 300;

tl::unexpected<Refusal> refuse(RefusalKind kind, std::string message) {
  return tl::unexpected(Refusal{kind, printable(message), {}});
}

tl::unexpected<Refusal> from(const HttpsError& error) {
  switch (error.kind) {
    case HttpsError::Kind::unreachable:
      return refuse(RefusalKind::unreachable, "the gateway does not answer: " + error.message);
    case HttpsError::Kind::untrusted:
      return refuse(RefusalKind::senseless, "this is not the gateway: " + error.message);
    case HttpsError::Kind::senseless:
      return refuse(RefusalKind::senseless, "the gateway: " + error.message);
    case HttpsError::Kind::local:
      return refuse(RefusalKind::local, error.message);
    case HttpsError::Kind::stopped:
      return refuse(RefusalKind::stopped, error.message);
  }
  return refuse(RefusalKind::senseless, error.message);
}

tl::unexpected<Refusal> from(const ProofError& error) {
  switch (error.kind) {
    case ProofError::Kind::declined:
      return refuse(RefusalKind::declined, error.message);
    case ProofError::Kind::stopped:
      return refuse(RefusalKind::stopped, error.message);
    case ProofError::Kind::local:
      break;
  }
  return refuse(RefusalKind::local, error.message);
}

std::string sentence_of(const HttpsAnswer& answer) {
  const auto body = parse_json(answer.body);
  const std::string said = body ? text_field(*body, "error", "") : std::string();
  if (!said.empty()) return said.substr(0, longest_sentence_bytes);
  return "status " + std::to_string(answer.status);
}

bool is_json(const HttpsAnswer& answer) {
  const std::string type = answer.content_type.substr(0, answer.content_type.find(';'));
  return type == "application/json";
}

tl::unexpected<Refusal> from(const HttpsAnswer& answer) {
  const unsigned status = answer.status;
  if (status == 401 || status == 403)
    return refuse(RefusalKind::refused, "the gateway refused the proof; its log says why");
  if (status >= 300 && status < 400)
    return refuse(RefusalKind::senseless, "the gateway sends us elsewhere (status " + std::to_string(status) +
                                              "), which is not followed: is this its enrolment API?");
  if (status == 404) return refuse(RefusalKind::senseless, "there is no enrolment API: status 404");
  const bool later = status == 409 || status == 429 || status >= 500;
  auto refusal =
      refuse(later ? RefusalKind::unavailable : RefusalKind::senseless, "the gateway answers: " + sentence_of(answer));
  if (answer.retry_after_s) refusal.value().retry_after = std::chrono::seconds(*answer.retry_after_s);
  return refusal;
}

}  // namespace

EnrolmentClient::Answer<std::string> EnrolmentClient::ask(std::string_view method, std::string_view target,
                                                          std::string_view session_token, std::string_view body) const {
  auto answer = https_request(settings_, method, target, session_token, body);
  if (!answer) return from(answer.error());
  if (answer->status != 200) return from(*answer);
  if (!is_json(*answer))
    return refuse(RefusalKind::senseless, "the gateway answers with '" + answer->content_type.substr(0, 64) +
                                              "' instead of application/json: is this its enrolment API?");
  return std::move(answer->body);
}

EnrolmentClient::Answer<Grant> EnrolmentClient::ask_for_grant(std::string_view target, GrantOf of, const PublicKey& key,
                                                              const WipedText& body) const {
  auto answer = ask("POST", target, {}, body.expose());
  if (!answer) return tl::unexpected(answer.error());
  const WipedText text(std::move(*answer));
  auto grant = parse_grant(text.expose(), of, key, wall_now());
  if (!grant) return refuse(RefusalKind::senseless, "the gateway: " + grant.error());
  return std::move(*grant);
}

EnrolmentClient::Answer<Grant> EnrolmentClient::enroll(const PublicKey& key) {
  const auto token = proof_.token_for(ProofSource::For::enroll, key);
  if (!token) return from(token.error());
  auto grant = ask_for_grant("/v1/enroll", GrantOf::enroll, key, enroll_body(key, token->expose(), instance_));
  if (grant || grant.error().kind == RefusalKind::refused) proof_.settle();
  return grant;
}

EnrolmentClient::Answer<Grant> EnrolmentClient::renew(const PublicKey& key, const std::optional<PublicKey>& new_key) {
  const auto token = proof_.token_for(ProofSource::For::renew, key);
  if (!token) return from(token.error());
  return ask_for_grant("/v1/renew", GrantOf::renew, new_key.value_or(key), renew_body(key, new_key, token->expose()));
}

EnrolmentClient::Answer<void> EnrolmentClient::send_posture(const WipedText& session_token, const Posture& posture,
                                                            std::chrono::seconds time_to_live,
                                                            const std::optional<TunnelView>& view) {
  const auto answer = ask("POST", "/v1/posture", session_token.expose(), posture_body(posture, time_to_live, view));
  if (!answer) return tl::unexpected(answer.error());
  const auto body = parse_json(*answer);
  if (!body || !parse_time(text_field(*body, "until", "")))
    return refuse(RefusalKind::senseless, "the gateway: 'until' of the answer: expected a time");
  return {};
}

EnrolmentClient::Answer<void> EnrolmentClient::end_session(const WipedText& session_token) {
  const auto answer = ask("DELETE", "/v1/session", session_token.expose(), {});
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

}  // namespace sallyport::ctl
