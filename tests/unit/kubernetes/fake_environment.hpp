// The world of a ClusterFollower with a clock that stands still until it is moved and requests that the test answers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/kubernetes/cluster_environment.hpp"

namespace sallyport::controlplane::testing {

class FakeEnvironment final : public ClusterEnvironment {
 public:
  struct Request {
    std::string target;
    HttpsClient::OnAnswer on_answer;
    HttpsClient::StreamEvents events;
    bool alive = true;

    void answer(unsigned status, const std::string& body) {
      const HttpsAnswer answer{status, "application/json", body};
      on_answer ? on_answer(answer) : events.on_refused(answer);
    }
    void fail(const std::string& why) { on_answer ? on_answer(tl::unexpected(why)) : events.on_end(why); }
    void open() { events.on_open(); }
    void piece(const std::string& text) { events.on_piece(text); }
    void end(const std::string& why = "") { events.on_end(why); }
    [[nodiscard]] bool is_watch() const { return target.find("watch=true") != std::string::npos; }
  };

  [[nodiscard]] Time now() const override { return time; }
  void wake_at(Time when) override { wake = when; }
  [[nodiscard]] Begun get(const std::string& target, HttpsClient::OnAnswer on_answer) override {
    return begin({target, std::move(on_answer), {}});
  }
  [[nodiscard]] Begun stream(const std::string& target, HttpsClient::StreamEvents events) override {
    return begin({target, {}, std::move(events)});
  }

  // The newest request that is alive and whose target contains `part`.
  [[nodiscard]] Request* find(const std::string& part = "") {
    for (auto at = requests.rbegin(); at != requests.rend(); ++at)
      if ((*at)->alive && (*at)->target.find(part) != std::string::npos) return at->get();
    return nullptr;
  }
  [[nodiscard]] std::size_t alive() const {
    std::size_t count = 0;
    for (const auto& request : requests) count += request->alive ? 1 : 0;
    return count;
  }

  Time time{std::chrono::seconds(1000)};
  std::optional<Time> wake;
  std::string cannot_begin;
  std::vector<std::shared_ptr<Request>> requests;

 private:
  struct Call final : HttpsCall {
    explicit Call(std::shared_ptr<Request> r) : request(std::move(r)) {}
    ~Call() override { request->alive = false; }
    std::shared_ptr<Request> request;
  };
  Begun begin(Request request) {
    if (!cannot_begin.empty()) return tl::unexpected(cannot_begin);
    requests.push_back(std::make_shared<Request>(std::move(request)));
    return std::make_unique<Call>(requests.back());
  }
};

}  // namespace sallyport::controlplane::testing
