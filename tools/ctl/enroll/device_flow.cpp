#include "tools/ctl/enroll/device_flow.hpp"

#include <algorithm>
#include <utility>

#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

using ProofErrorKind = ProofError::Kind;
using TokenAnswerKind = TokenAnswer::Kind;

constexpr std::string_view form_content_type = "application/x-www-form-urlencoded";
constexpr std::string_view device_grant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::string_view metadata_path = "/.well-known/openid-configuration";
constexpr std::chrono::seconds slower_by{5};  // RFC 8628, 3.5

tl::unexpected<ProofError> flow_fails(std::string why, ProofErrorKind kind = ProofErrorKind::local) {
  return tl::unexpected(ProofError{printable(why), kind});
}

tl::unexpected<ProofError> flow_fails(const HttpsError& error) {
  if (error.kind == HttpsError::Kind::stopped) return flow_fails(error.message, ProofErrorKind::stopped);
  return flow_fails("the identity provider: " + error.message);
}

tl::unexpected<ProofError> strange_answer(std::string_view what, const std::string& why) {
  return flow_fails("the identity provider, " + std::string(what) + ": " + why);
}

}  // namespace

DeviceFlow::DeviceFlow(Settings settings, Surroundings surroundings)
    : settings_(std::move(settings)), surroundings_(std::move(surroundings)) {}

tl::expected<HttpsAnswer, HttpsError> DeviceFlow::ask(std::string_view method, const HttpsPlace& place,
                                                      std::string_view body) const {
  HttpsSettings https;
  https.gateway = place.server;
  https.ca_file = settings_.ca_file;
  https.stop_descriptor = surroundings_.stop_descriptor;
  https.mark = mark_;
  return https_request(https, method, place.target, {}, body, form_content_type);
}

// OpenID Connect Discovery 1.0, 4.1: beside the issuer's own path, without its last '/'.
tl::expected<void, ProofError> DeviceFlow::find_endpoints() {
  if (endpoints_) return {};
  std::string url = settings_.issuer;
  if (url.ends_with('/')) url.pop_back();
  const auto place = parse_https_place(url.append(metadata_path));
  if (!place) return flow_fails("the issuer: " + place.error());
  const auto answer = ask("GET", *place, {});
  if (!answer) return flow_fails(answer.error());
  if (answer->status != 200) return strange_answer("its metadata", "status " + std::to_string(answer->status));
  auto endpoints = parse_provider(answer->body, settings_.issuer);
  if (!endpoints) return strange_answer("its metadata", endpoints.error());
  endpoints_ = std::move(*endpoints);
  return {};
}

tl::expected<DeviceCode, ProofError> DeviceFlow::request_code(const std::string& nonce) const {
  const WipedText body = form_body({{"client_id", settings_.client_id}, {"scope", settings_.scope}, {"nonce", nonce}});
  auto answer = ask("POST", endpoints_->device_authorization, body.expose());
  if (!answer) return flow_fails(answer.error());
  const WipedText text(std::move(answer->body));
  if (answer->status != 200)
    return strange_answer("asked for a code", parse_token_answer(answer->status, text.expose()).message);
  auto code = parse_device_code(text.expose());
  if (!code) return strange_answer("asked for a code", code.error());
  return std::move(*code);
}

tl::expected<WipedText, ProofError> DeviceFlow::take(TokenAnswer answer) {
  if (!answer.refresh_token.empty()) refresh_token_ = std::move(answer.refresh_token);
  return std::move(answer.id_token);
}

tl::expected<WipedText, ProofError> DeviceFlow::poll(const DeviceCode& code) {
  const WipedText body = form_body(
      {{"grant_type", device_grant}, {"device_code", code.device_code.expose()}, {"client_id", settings_.client_id}});
  std::chrono::seconds interval = code.interval, waited{0};
  for (;;) {
    if (waited + interval > code.expires_in)
      return flow_fails("nobody confirmed the code in time", ProofErrorKind::declined);
    if (surroundings_.wait(interval)) return flow_fails("stopped", ProofErrorKind::stopped);
    waited += interval;
    auto answer = ask("POST", endpoints_->token, body.expose());
    if (!answer && answer.error().kind != HttpsError::Kind::unreachable) return flow_fails(answer.error());
    TokenAnswer outcome{.kind = TokenAnswerKind::busy, .id_token = {}, .refresh_token = {}, .message = {}};
    if (answer) {
      const WipedText text(std::move(answer->body));
      outcome = parse_token_answer(answer->status, text.expose());
    }
    switch (outcome.kind) {
      case TokenAnswerKind::granted:
        return take(std::move(outcome));
      case TokenAnswerKind::pending:
        break;
      case TokenAnswerKind::slow_down:
        interval = std::min(interval + slower_by, longest_poll_interval);
        break;
      case TokenAnswerKind::busy:
        interval = std::min(2 * interval, longest_poll_interval);
        break;
      case TokenAnswerKind::denied:
        return flow_fails("somebody refused the code", ProofErrorKind::declined);
      case TokenAnswerKind::expired:
        return flow_fails("nobody confirmed the code in time", ProofErrorKind::declined);
      case TokenAnswerKind::senseless:
        return strange_answer("asked for a token", outcome.message);
    }
  }
}

tl::expected<WipedText, ProofError> DeviceFlow::sign_in(const std::string& nonce) {
  refresh_token_ = {};
  if (auto found = find_endpoints(); !found) return tl::unexpected(std::move(found.error()));
  auto code = request_code(nonce);
  if (!code) return tl::unexpected(std::move(code.error()));
  surroundings_.show(*code);
  return poll(*code);
}

tl::expected<WipedText, ProofError> DeviceFlow::refresh() {
  if (refresh_token_.empty() || !endpoints_)
    return flow_fails(
        "the identity provider gave no refresh token: somebody must confirm a code again when the session ends");
  const WipedText body = form_body({{"grant_type", "refresh_token"},
                                    {"refresh_token", refresh_token_.expose()},
                                    {"client_id", settings_.client_id},
                                    {"scope", settings_.scope}});
  auto answer = ask("POST", endpoints_->token, body.expose());
  if (!answer) return flow_fails(answer.error());
  const WipedText text(std::move(answer->body));
  TokenAnswer outcome = parse_token_answer(answer->status, text.expose());
  if (outcome.kind != TokenAnswerKind::granted) return strange_answer("asked for another token", outcome.message);
  return take(std::move(outcome));
}

}  // namespace sallyport::ctl
