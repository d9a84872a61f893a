#include "controlplane/enrolment/request_desk.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "controlplane/enrolment/answers.hpp"
#include "controlplane/enrolment/messages.hpp"
#include "controlplane/https/key_exchange.hpp"

namespace sallyport::controlplane {
namespace {

// 404 and 405 are for what no route has.
tl::expected<Endpoint, HttpResponse> find_route(const HttpRequest& request) {
  std::string methods;
  for (const Route& route : routes) {
    if (route.path != request.target) continue;
    if (route.method == request.method) return route.endpoint;
    methods += (methods.empty() ? "" : ", ") + std::string(route.method);
  }
  if (methods.empty()) return tl::unexpected(error_answer(404, "there is nothing at this path"));
  HttpResponse response = error_answer(405, "expected the method " + methods);
  response.allow = methods;
  return tl::unexpected(std::move(response));
}

auto malformed(std::string_view why) {
  return tl::make_unexpected(std::variant<HttpResponse, RefusedProof>(error_answer(400, why)));
}

auto refused(RefusedProof why) {
  return tl::make_unexpected(std::variant<HttpResponse, RefusedProof>(std::move(why)));
}

tl::expected<std::string, std::variant<HttpResponse, RefusedProof>> session_token_of(const HttpRequest& request) {
  auto token = parse_session_authorization(request.authorization);
  if (!token) return malformed(token.error());
  if (token->empty()) return refused({.reason = ProofRefusal::no_proof, .detail = "there is no session token"});
  return std::move(*token);
}

}  // namespace

RequestDesk::RequestDesk(SourceLimits limits, Hooks hooks, bool require_post_quantum)
    : limits_(std::move(limits)), hooks_(std::move(hooks)), require_post_quantum_(require_post_quantum) {}

// 1. The rate of the source. 2. The route. 3. The body's type and the message in it. 4. The evidence. 5. Hand-over.
void RequestDesk::take(const HttpRequest& request, Time now, Answer answer) {
  if (const auto wait = limits_.count(request.address, now.uptime)) {
    RequestCounters::add(counters_.rate_limited);
    return send(too_many_requests_answer(*wait), answer);
  }
  auto endpoint = find_route(request);
  if (!endpoint) {
    RequestCounters::add(counters_.elsewhere);
    return send(std::move(endpoint.error()), answer);
  }
  RequestCounters::add(counters_.requests[static_cast<std::size_t>(*endpoint)]);
  if (*endpoint == Endpoint::document) return send({.body = std::string(openapi_document())}, answer);
  // Before the evidence is verified: a gateway that cannot keep up does not spend signatures on it.
  if (unanswered_.size() >= EnrolmentServer::handed_over_max) {
    RequestCounters::add(counters_.not_handed_over);
    return send(answer_with(EnrolmentFailure::busy), answer);
  }
  auto understood = understand(request, *endpoint, now);
  if (understood) return hand_over(std::move(*understood), std::move(answer));
  if (const auto* refusal = std::get_if<RefusedProof>(&understood.error()))
    return refuse(*refusal, request.address, answer);
  send(std::move(std::get<HttpResponse>(understood.error())), answer);
}

RequestDesk::OrStop<EnrolmentRequest> RequestDesk::understand(const HttpRequest& request, Endpoint endpoint, Time now) {
  if (!is_json_type(request.content_type))
    return tl::unexpected(Stop(error_answer(415, "expected the Content-Type application/json")));
  switch (endpoint) {
    case Endpoint::enroll:
      return enroll(request, now);
    case Endpoint::renew:
      return renew(request, now);
    case Endpoint::posture:
      return posture(request, now);
    case Endpoint::session_state:
      return of_session<StateRequest>(request);
    case Endpoint::end_session:
      return of_session<EndRequest>(request);
    case Endpoint::document:
      break;
  }
  return tl::unexpected(Stop(error_answer(404, "there is nothing at this path")));
}

RequestDesk::OrStop<EnrolmentRequest> RequestDesk::enroll(const HttpRequest& request, Time now) {
  auto body = parse_enroll(request.body);
  if (!body) return malformed(body.error());
  auto secure = post_quantum(request);
  if (!secure) return tl::unexpected(std::move(secure.error()));
  auto evidence = evidence_of(request, body->token, body->public_key, now);
  if (!evidence) return tl::unexpected(std::move(evidence.error()));
  return EnrollRequest{.public_key = body->public_key,
                       .evidence = std::move(*evidence),
                       .instance = std::move(body->instance),
                       .source = request.address,
                       .post_quantum = *secure};
}

RequestDesk::OrStop<EnrolmentRequest> RequestDesk::renew(const HttpRequest& request, Time now) {
  auto body = parse_renew(request.body);
  if (!body) return malformed(body.error());
  auto secure = post_quantum(request);
  if (!secure) return tl::unexpected(std::move(secure.error()));
  // What a token is bound to is the key that the session shall have: one that was overheard puts no other key there.
  auto evidence = evidence_of(request, body->token, body->new_public_key.value_or(body->public_key), now);
  if (!evidence) return tl::unexpected(std::move(evidence.error()));
  return RenewRequest{.public_key = body->public_key,
                      .new_public_key = body->new_public_key,
                      .evidence = std::move(*evidence),
                      .source = request.address,
                      .post_quantum = *secure};
}

RequestDesk::OrStop<EnrolmentRequest> RequestDesk::posture(const HttpRequest& request, Time now) {
  auto body = parse_posture(request.body);
  if (!body) return malformed(body.error());
  auto token = session_token_of(request);
  if (!token) return tl::unexpected(std::move(token.error()));
  if (body->view) body->view->at = now.wall;
  return PostureRequest{.session_token = std::move(*token),
                        .posture = std::move(body->posture),
                        .time_to_live = body->time_to_live,
                        .view = std::move(body->view)};
}

template <typename Request>
RequestDesk::OrStop<EnrolmentRequest> RequestDesk::of_session(const HttpRequest& request) {
  if (!request.body.empty()) return malformed("expected no body");
  auto token = session_token_of(request);
  if (!token) return tl::unexpected(std::move(token.error()));
  return Request{.session_token = std::move(*token)};
}

RequestDesk::OrStop<bool> RequestDesk::post_quantum(const HttpRequest& request) const {
  const bool secure = is_post_quantum_group(request.key_exchange);
  if (secure || !require_post_quantum_) return secure;
  return refused({.reason = ProofRefusal::not_post_quantum,
                  .detail = "TLS agreed on " + (request.key_exchange.empty() ? "no group" : request.key_exchange)});
}

// A token counts more than a certificate. Two tokens contradict each other: RFC 6750, 2.
RequestDesk::OrStop<Evidence> RequestDesk::evidence_of(const HttpRequest& request, const std::string& body_token,
                                                       const PublicKey& key, Time now) {
  const auto header_token = parse_authorization(request.authorization);
  if (!header_token) return malformed(header_token.error());
  if (!body_token.empty() && !header_token->empty())
    return malformed("expected one token, got one in the body and one in the header Authorization");
  const std::string& token = body_token.empty() ? *header_token : body_token;
  if (!token.empty()) return verify_token(token, key, now);
  if (request.certificates.empty()) return refused({.reason = ProofRefusal::no_proof});
  if (!trust_) return refused({.reason = ProofRefusal::no_issuers, .detail = "no issuer is known yet"});
  auto proof = trust_->verify_certificate(request.certificates, now.wall);
  if (!proof) return refused(std::move(proof.error()));
  return std::move(*proof);
}

RequestDesk::OrStop<Evidence> RequestDesk::verify_token(const std::string& token, const PublicKey& key, Time now) {
  if (token.starts_with(enrolment_secret_prefix)) {
    if (token.size() <= enrolment_secret_characters_max) return EnrolmentSecret{token};
    return refused({.reason = ProofRefusal::unknown_enrolment_key, .detail = "the secret is too long to be one"});
  }
  if (!trust_) return refused({.reason = ProofRefusal::no_issuers, .detail = "no issuer is known yet"});
  auto proof = trust_->verify_token(token, key, now.wall);
  if (proof) return std::move(*proof);
  if (proof.error().reason == ProofRefusal::unknown_key)
    if (const auto issuer = trust_->issuer_with_unknown_key(token)) hooks_.on_unknown_key(*issuer);
  return refused(std::move(proof.error()));
}

void RequestDesk::hand_over(EnrolmentRequest request, Answer answer) {
  const std::uint64_t number = ++last_number_;
  unanswered_.emplace(number, std::move(answer));
  hooks_.hand_over(std::move(request), [post = hooks_.post, desk = weak_from_this(), number](EnrolmentResult result) {
    post([desk, number, result = std::move(result)] {
      if (const auto here = desk.lock()) here->finish(number, result);
    });
  });
}

void RequestDesk::finish(std::uint64_t number, const EnrolmentResult& result) {
  const auto found = unanswered_.find(number);
  if (found == unanswered_.end()) return;  // a second reply
  const Answer answer = std::move(found->second);
  unanswered_.erase(found);
  send(answer_with(result), answer);
}

void RequestDesk::refuse_too_large(const IpAddress& source) {
  note({.reason = ProofRefusal::token_too_large, .detail = "so is the whole request, and it was not read"}, source);
}

void RequestDesk::note(const RefusedProof& refusal, const IpAddress& source) {
  RequestCounters::add(counters_.refused[static_cast<std::size_t>(refusal.reason)]);
  hooks_.on_refused(refusal, source);
}

void RequestDesk::refuse(const RefusedProof& refusal, const IpAddress& source, const Answer& answer) {
  note(refusal, source);
  send(refused_answer(), answer);
}

void RequestDesk::send(HttpResponse response, const Answer& answer) {
  RequestCounters::add(counters_.answers[std::min(response.status / 100, 5U)]);
  answer(std::move(response));
}

}  // namespace sallyport::controlplane
