// Takes a request to the enrolment API from its HTTP message to its answer: limits, route, message, evidence,
// hand-over. No socket and no clock, and one thread: that of the server, to which answers come back through `post`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <variant>

#include <tl/expected.hpp>

#include "controlplane/enrolment/enrolment_server.hpp"
#include "controlplane/enrolment/request_counters.hpp"
#include "controlplane/enrolment/source_limits.hpp"
#include "controlplane/http/http_message.hpp"

namespace sallyport::controlplane {

class RequestDesk : public std::enable_shared_from_this<RequestDesk> {
 public:
  // Runs a function on the desk's thread. Called from any thread, at any time, also after the desk is gone.
  using Post = std::function<void(std::function<void()>)>;
  struct Hooks {
    EnrolmentServer::HandOver hand_over;
    EnrolmentServer::OnRefused on_refused;
    EnrolmentServer::OnUnknownKey on_unknown_key;
    Post post;
  };
  struct Time {
    std::chrono::nanoseconds uptime{};  // never goes back
    policy::TimePoint wall{};
  };
  using Answer = std::function<void(HttpResponse)>;

  // Make it with std::make_shared: replies that come after its end find out that way.
  RequestDesk(SourceLimits limits, Hooks hooks, bool require_post_quantum = false);

  // Answers once, now or when the reply to what was handed over is here.
  void take(const HttpRequest& request, Time now, Answer answer);
  // A request that the HTTP server did not read for its size, and answered.
  void refuse_too_large(const IpAddress& source);
  void set_trust(std::shared_ptr<const TrustStore> trust) { trust_ = std::move(trust); }

  [[nodiscard]] std::size_t unanswered() const { return unanswered_.size(); }
  [[nodiscard]] const RequestCounters& counters() const { return counters_; }  // any thread

 private:
  // What ends a request before it is handed over.
  using Stop = std::variant<HttpResponse, RefusedProof>;
  template <typename Value>
  using OrStop = tl::expected<Value, Stop>;

  [[nodiscard]] OrStop<EnrolmentRequest> understand(const HttpRequest& request, Endpoint endpoint, Time now);
  [[nodiscard]] OrStop<EnrolmentRequest> enroll(const HttpRequest& request, Time now);
  [[nodiscard]] OrStop<EnrolmentRequest> renew(const HttpRequest& request, Time now);
  [[nodiscard]] OrStop<EnrolmentRequest> posture(const HttpRequest& request, Time now);
  // Of the session whose token the request has, which says nothing else.
  template <typename Request>
  [[nodiscard]] OrStop<EnrolmentRequest> of_session(const HttpRequest& request);
  // Whether the connection is secret enough for what the answer tells.
  [[nodiscard]] OrStop<bool> post_quantum(const HttpRequest& request) const;
  [[nodiscard]] OrStop<Evidence> evidence_of(const HttpRequest& request, const std::string& body_token,
                                             const PublicKey& key, Time now);
  [[nodiscard]] OrStop<Evidence> verify_token(const std::string& token, const PublicKey& key, Time now);

  void hand_over(EnrolmentRequest request, Answer answer);
  void finish(std::uint64_t number, const EnrolmentResult& result);
  void note(const RefusedProof& refused, const IpAddress& source);
  void refuse(const RefusedProof& refused, const IpAddress& source, const Answer& answer);
  void send(HttpResponse response, const Answer& answer);

  SourceLimits limits_;
  const Hooks hooks_;
  const bool require_post_quantum_;
  std::shared_ptr<const TrustStore> trust_;  // null: nobody is believed yet
  std::unordered_map<std::uint64_t, Answer> unanswered_;
  std::uint64_t last_number_ = 0;
  RequestCounters counters_;
};

}  // namespace sallyport::controlplane
