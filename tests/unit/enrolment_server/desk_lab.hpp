// A desk without a socket: requests in, answers out, and what it handed over in between.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/enrolment/request_desk.hpp"

namespace sallyport::controlplane {

inline const std::string client_key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
inline const std::string other_client_key = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
inline const std::string enrolment_secret = "spk_0123456789ab_h5K0vGkzPqXw2uN8rT3yLcJm6fBdSaQe";

inline Granted example_grant() {
  return {.session_id = "6f1d0c52a9b3e847",
          .session_token = "q3Zt8m1nVxYyR0pJwC4sKfL7",
          .identity = "sa:prod-eu/shop/frontend",
          .public_key = *decode_key(client_key),
          .preshared_key = SharedKey(Secret<key_bytes>(*decode_key(other_client_key))),
          .post_quantum = true,
          .addresses = {*IpPrefix::parse("10.8.128.2/32")},
          .gateway_key = *decode_key(other_client_key),
          .endpoint = "192.0.2.1:51820",
          .dns = {IpAddress::v4(10, 8, 0, 53)},
          .routes = {*IpPrefix::parse("10.0.0.0/8")},
          .expires_at = policy::TimePoint(std::chrono::seconds(1'795'687'200))};
}

inline SessionState example_state() {
  SessionState state{.granted = example_grant(),
                     .enrolled_at = policy::TimePoint(std::chrono::seconds(1'795'680'000)),
                     .renewed_at = policy::TimePoint(std::chrono::seconds(1'795'683'600)),
                     .former_key_until = policy::TimePoint(std::chrono::seconds(1'795'683'780)),
                     .former_preshared_key_until = policy::TimePoint(std::chrono::seconds(1'795'683'780)),
                     .posture_until = policy::TimePoint(std::chrono::seconds(1'795'684'000))};
  state.granted.session_token.clear();
  state.granted.preshared_key = SharedKey();
  return state;
}

class DeskLab {
 public:
  struct HandedOver {
    EnrolmentRequest request;
    EnrolmentServer::Reply reply;
  };

  explicit DeskLab(SourceLimits limits = SourceLimits(1e6, 1e6), bool require_post_quantum = false)
      : desk(std::make_shared<RequestDesk>(
            std::move(limits),
            RequestDesk::Hooks{
                .hand_over =
                    [this](EnrolmentRequest request, EnrolmentServer::Reply reply) {
                      handed_over.push_back({std::move(request), std::move(reply)});
                    },
                .on_refused = [this](const RefusedProof& why, const IpAddress&) { refused.push_back(why.reason); },
                .on_unknown_key = [this](const std::string& issuer) { unknown_keys.push_back(issuer); },
                .post = [posted = posted](std::function<void()> work) { posted->push_back(std::move(work)); }},
            require_post_quantum)) {}

  static HttpRequest request(std::string method, std::string path, std::string body = {}) {
    return {.method = std::move(method),
            .target = std::move(path),
            .body = std::move(body),
            .address = IpAddress::v4(192, 0, 2, 1)};
  }
  static HttpRequest enroll(const std::string& token = enrolment_secret) {
    return request("POST", "/v1/enroll",
                   R"({"public_key":")" + client_key + (token.empty() ? "\"" : R"(","token":")" + token + '"') + '}');
  }

  // The answer, if there is one already.
  std::optional<HttpResponse> ask(const HttpRequest& request) {
    auto answer = std::make_shared<std::optional<HttpResponse>>();
    desk->take(request, now, [answer](HttpResponse response) { *answer = std::move(response); });
    later.push_back(answer);
    return std::move(*answer);
  }
  // The answer after the reply to what was handed over last.
  HttpResponse reply(EnrolmentResult result) {
    handed_over.back().reply(std::move(result));
    run_posted();
    return std::move(later.back()->value());
  }
  void run_posted() {
    for (; !posted->empty(); posted->pop_front()) posted->front()();
  }
  [[nodiscard]] std::uint64_t counter(const std::string& name) const {
    for (const NamedCounter& counter : desk->counters().read())
      if (counter.name == "enrolment_" + name) return counter.value;
    return UINT64_MAX;
  }

  std::shared_ptr<std::deque<std::function<void()>>> posted = std::make_shared<std::deque<std::function<void()>>>();
  std::vector<HandedOver> handed_over;
  std::vector<ProofRefusal> refused;
  std::vector<std::string> unknown_keys;
  std::vector<std::shared_ptr<std::optional<HttpResponse>>> later;
  RequestDesk::Time now{.uptime = std::chrono::seconds(100),
                        .wall = policy::TimePoint(std::chrono::seconds(1'795'687'200))};
  std::shared_ptr<RequestDesk> desk;
};

}  // namespace sallyport::controlplane
