// A WorkPool of threads. They run at a lower priority than the event loop, so that a flood of handshakes delays
// handshakes and no timer.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "controlplane/runtime/lifetime.hpp"
#include "controlplane/runtime/work_pool.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class ThreadPool final : public WorkPool {
 public:
  static constexpr std::array<std::size_t, work_class_count> queue_limits = {65536, 256, 64};

  // Finished tasks come back on `loop`, which must outlive the pool; those that come after it are dropped.
  // `after_finish` is called there after each.
  ThreadPool(boost::asio::io_context& loop, std::function<void()> after_finish)
      : loop_(loop), after_finish_(std::move(after_finish)) {}
  // Waits for the tasks that run and drops the others.
  ~ThreadPool() override;

  // Call once. What was submitted before waits until then.
  void start(unsigned thread_count);
  bool submit(WorkClass work_class, std::unique_ptr<Task> task) override;
  [[nodiscard]] std::size_t room(WorkClass work_class) const override;

 private:
  void run();
  [[nodiscard]] std::unique_ptr<Task> take();

  boost::asio::io_context& loop_;
  const Lifetime lifetime_;
  const std::function<void()> after_finish_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::array<std::deque<std::unique_ptr<Task>>, work_class_count> queues_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sallyport::controlplane
