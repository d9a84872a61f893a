// A WorkPool of threads. They run at a lower priority than the event loop, so that a flood of handshakes delays
// handshakes and no timer.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "controlplane/work_pool.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class HandshakePool final : public WorkPool {
 public:
  static constexpr std::array<std::size_t, work_class_count> queue_limits = {65536, 1024, 256};

  // Finished tasks come back on `loop`, which must outlive the pool and not run any more when the pool goes.
  explicit HandshakePool(boost::asio::io_context& loop) : loop_(loop) {}
  // Waits for the tasks that run and drops the others.
  ~HandshakePool() override;

  // Call once. What was submitted before waits until then.
  void start(unsigned thread_count);
  bool submit(WorkClass work_class, std::unique_ptr<Task> task) override;
  [[nodiscard]] bool has_room(WorkClass work_class) const override;

 private:
  void run();
  [[nodiscard]] std::unique_ptr<Task> take();

  boost::asio::io_context& loop_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::array<std::deque<std::unique_ptr<Task>>, work_class_count> queues_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sallyport::controlplane
