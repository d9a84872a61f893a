// The requests of a ClusterFollower: made when they are due, ended when nobody waits for them any more.
#include <algorithm>
#include <utility>

#include "controlplane/kubernetes/cluster_follower.hpp"

namespace sallyport::controlplane {

void ClusterFollower::advance() {
  const Time now = environment_.now();
  std::optional<Time> wake_at;
  if (!retired_.empty()) wake_at = now;
  for (auto& [name_space, scope] : scopes_) {
    begin_requests(name_space, scope, now);
    if (const auto due = scope.list_watch.due()) wake_at = std::min(wake_at.value_or(*due), *due);
  }
  if (wake_at) environment_.wake_at(*wake_at);
}

void ClusterFollower::begin_requests(const std::string& name_space, Scope& scope, Time now) {
  if (!scope.list_watch.under_way()) retire_call(scope);
  const auto request = scope.list_watch.next_request(now);
  if (!request) return;
  scope.call_number = ++last_call_;
  auto begun = begin(name_space, scope.call_number, *request);
  if (begun)
    scope.call = std::move(*begun);
  else
    scope.list_watch.on_failure(begun.error(), now);
}

ClusterEnvironment::Begun ClusterFollower::begin(const std::string& name_space, std::uint64_t number,
                                                 const ListWatch::Request& request) {
  const auto on_answer = [this, name_space, number](const HttpsAnswer& answer) {
    hand_in(name_space, number, [&](ListWatch& to, Time now) { to.on_answer(answer.status, answer.body, now); });
  };
  if (!request.watch) {
    return environment_.get(request.target, [=, this](tl::expected<HttpsAnswer, std::string> answer) {
      if (answer) return on_answer(*answer);
      hand_in(name_space, number, [&](ListWatch& to, Time now) { to.on_failure(answer.error(), now); });
    });
  }
  HttpsClient::StreamEvents events;
  events.on_refused = on_answer;
  events.on_open = [=, this] { hand_in(name_space, number, [](ListWatch& to, Time now) { to.on_open(now); }); };
  events.on_piece = [=, this](std::string_view piece) {
    hand_in(name_space, number, [&](ListWatch& to, Time now) { to.on_piece(piece, now); });
  };
  events.on_end = [=, this](const std::string& why) {
    hand_in(name_space, number, [&](ListWatch& to, Time now) { to.on_end(why, now); });
  };
  return environment_.stream(request.target, std::move(events));
}

void ClusterFollower::retire_call(Scope& scope) {
  scope.call_number = 0;
  if (scope.call) retired_.push_back(std::move(scope.call));
}

template <typename Input>
void ClusterFollower::hand_in(const std::string& name_space, std::uint64_t number, Input input) {
  const auto scope = scopes_.find(name_space);
  if (scope == scopes_.end() || scope->second.call_number != number) return;
  input(scope->second.list_watch, environment_.now());
  settle();
}

}  // namespace sallyport::controlplane
