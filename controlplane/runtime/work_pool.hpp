// Work that is too expensive for the event loop: the Diffie-Hellmans of handshakes. A task's work() runs on a thread of
// the pool, its finish() afterwards on the event loop. The interface; thread_pool.hpp has threads behind it, tests
// run tasks in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace sallyport::controlplane {

class Task {
 public:
  virtual ~Task() = default;
  virtual void work() = 0;
  virtual void finish() = 0;
};

// `work` returns a value, which `done` takes.
template <typename Work, typename Done>
class TaskOf final : public Task {
 public:
  TaskOf(Work work, Done done) : work_(std::move(work)), done_(std::move(done)) {}
  void work() override { result_.emplace(work_()); }
  void finish() override { done_(std::move(*result_)); }

 private:
  using Result = decltype(std::declval<Work&>()());
  Work work_;
  Done done_;
  std::optional<Result> result_;
};

template <typename Work, typename Done>
[[nodiscard]] std::unique_ptr<Task> make_task(Work work, Done done) {
  return std::make_unique<TaskOf<Work, Done>>(std::move(work), std::move(done));
}

// In the order in which they are served. Each class has its own bounded queue.
enum class WorkClass : std::uint8_t {
  begun,     // our own initiations, and the second half of what was accepted: dropping it would waste the first
  proven,    // from a source whose address a MAC2 proved
  unproven,  // from anywhere
};
inline constexpr std::size_t work_class_count = 3;

class WorkPool {
 public:
  virtual ~WorkPool() = default;
  // False if the queue of that class is full; the task is gone then.
  virtual bool submit(WorkClass work_class, std::unique_ptr<Task> task) = 0;
  [[nodiscard]] virtual std::size_t room(WorkClass work_class) const = 0;
  [[nodiscard]] bool has_room(WorkClass work_class) const { return room(work_class) != 0; }
};

}  // namespace sallyport::controlplane
