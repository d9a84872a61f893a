#include "controlplane/enrolment/answers.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

using OrderedJson = nlohmann::ordered_json;  // members in the order in which they are written

struct FailureStatus {
  unsigned status = 503;
  unsigned retry_after_s = 0;  // 0: trying again does not help by itself
};
FailureStatus status_of(EnrolmentFailure failure) {
  switch (failure) {
    case EnrolmentFailure::pool_is_empty:
    case EnrolmentFailure::gateway_is_full:
      return {503, 60};
    case EnrolmentFailure::too_many_sessions:
      return {409, 0};
    case EnrolmentFailure::not_stored:
    case EnrolmentFailure::switched_off:
      return {503, 10};
    case EnrolmentFailure::busy:
      return {503, 1};
  }
  return {};
}

template <typename List>
OrderedJson texts_of(const List& list) {
  OrderedJson texts = OrderedJson::array();
  for (const auto& element : list) texts.push_back(element.to_string());
  return texts;
}

HttpResponse answer_of(unsigned status, const OrderedJson& body) {
  // Bytes that are not UTF-8 become U+FFFD: what a name holds can never make an answer fail.
  return {.status = status, .body = body.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)};
}

OrderedJson granted_json(const Granted& granted) {
  OrderedJson body;
  body["session"] = granted.session_id;
  if (!granted.session_token.empty()) body["session_token"] = granted.session_token;
  body["identity"] = granted.identity;
  body["public_key"] = encode_key(granted.public_key);
  if (granted.preshared_key.is_set()) body["preshared_key"] = encode_key(granted.preshared_key.get()->expose());
  body["post_quantum"] = granted.post_quantum;
  body["addresses"] = texts_of(granted.addresses);
  body["gateway"]["public_key"] = encode_key(granted.gateway_key);
  body["gateway"]["endpoint"] = granted.endpoint;
  body["dns"] = texts_of(granted.dns);
  body["routes"] = texts_of(granted.routes);
  body["mtu"] = granted.mtu;
  body["persistent_keepalive_s"] = granted.persistent_keepalive_s;
  body["expires_at"] = policy::time_words(granted.expires_at);
  return body;
}

}  // namespace

HttpResponse answer_with(const Granted& granted) {
  return answer_of(200, granted_json(granted));
}

HttpResponse answer_with(const SessionState& state) {
  OrderedJson body = granted_json(state.granted);
  body["enrolled_at"] = policy::time_words(state.enrolled_at);
  body["renewed_at"] = policy::time_words(state.renewed_at);
  for (const auto& [name, until] : {std::pair{"former_key_until", state.former_key_until},
                                    {"former_preshared_key_until", state.former_preshared_key_until},
                                    {"posture_until", state.posture_until}})
    if (until) body[name] = policy::time_words(*until);
  return answer_of(200, body);
}

HttpResponse answer_with(const PostureTaken& taken) {
  OrderedJson body;
  body["until"] = policy::time_words(taken.until);
  return answer_of(200, body);
}

HttpResponse answer_with(const Ended&) {
  OrderedJson body;
  body["ended"] = true;
  return answer_of(200, body);
}

HttpResponse answer_with(EnrolmentFailure failure) {
  const FailureStatus status = status_of(failure);
  HttpResponse response = error_answer(status.status, explain(failure));
  response.retry_after_s = status.retry_after_s;
  return response;
}

HttpResponse answer_with(const EnrolmentResult& result) {
  const auto render = [](const auto& answer) { return answer_with(answer); };
  if (result) return std::visit(render, *result);
  if (const auto* failure = std::get_if<EnrolmentFailure>(&result.error())) return answer_with(*failure);
  return refused_answer();
}

HttpResponse refused_answer() {
  return error_answer(403, "refused");
}

HttpResponse error_answer(unsigned status, std::string_view sentence) {
  OrderedJson body;
  body["error"] = sentence;
  return answer_of(status, body);
}

HttpResponse too_many_requests_answer(std::chrono::nanoseconds until_next) {
  HttpResponse response = error_answer(429, "too many requests from this address");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(until_next).count();
  response.retry_after_s = static_cast<unsigned>(std::clamp<std::int64_t>(seconds, 1, 3600));
  return response;
}

}  // namespace sallyport::controlplane
