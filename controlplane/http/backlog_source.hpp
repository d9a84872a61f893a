// An answer whose pieces come from the event loop while it is being sent: captures and listings. The backend's
// callbacks and the answer share the backlog, for the callbacks may come once more after the answer is gone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "controlplane/http/http_message.hpp"

namespace sallyport::controlplane {

struct AnswerBacklog {
  std::string bytes;
  bool ended = false;   // nothing comes any more
  bool closed = false;  // nobody takes it any more
  std::function<void()> wake;

  // After something was added to `bytes`, which were empty before: a reader that found nothing sleeps.
  void notify() const {
    if (wake) wake();
  }
};

class BacklogSource final : public BodySource {
 public:
  // `stop` is called if the reader goes before the end.
  BacklogSource(std::shared_ptr<AnswerBacklog> backlog, std::function<void()> stop)
      : backlog_(std::move(backlog)), stop_(std::move(stop)) {}
  ~BacklogSource() override {
    backlog_->closed = true;
    backlog_->wake = nullptr;
    if (!backlog_->ended) stop_();
  }

  void on_ready(std::function<void()> wake) override { backlog_->wake = std::move(wake); }

  Next next(std::string& out) override {
    out.swap(backlog_->bytes);
    if (!out.empty()) return Next::more;
    return backlog_->ended ? Next::done : Next::wait;
  }

 private:
  std::shared_ptr<AnswerBacklog> backlog_;
  std::function<void()> stop_;
};

}  // namespace sallyport::controlplane
