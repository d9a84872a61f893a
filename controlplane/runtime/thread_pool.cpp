#include "controlplane/runtime/thread_pool.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace sallyport::controlplane {

void ThreadPool::start(unsigned thread_count) {
  for (unsigned i = 0; i < thread_count; ++i) threads_.emplace_back([this] { run(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ThreadPool::submit(WorkClass work_class, std::unique_ptr<Task> task) {
  const auto number = static_cast<std::size_t>(work_class);
  {
    const std::lock_guard lock(mutex_);
    if (queues_[number].size() >= queue_limits[number]) return false;
    queues_[number].push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

std::size_t ThreadPool::room(WorkClass work_class) const {
  const auto number = static_cast<std::size_t>(work_class);
  const std::lock_guard lock(mutex_);
  return queue_limits[number] - queues_[number].size();
}

void ThreadPool::run() {
  constexpr int niceness = 5;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);  // of this thread alone; no harm if it fails
  while (std::unique_ptr<Task> task = take()) {
    task->work();
    boost::asio::post(loop_, lifetime_.guard([this, finished = std::move(task)] {
      finished->finish();
      after_finish_();
    }));
  }
}

std::unique_ptr<Task> ThreadPool::take() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stopping_) return nullptr;
    for (auto& queue : queues_) {
      if (queue.empty()) continue;
      std::unique_ptr<Task> task = std::move(queue.front());
      queue.pop_front();
      return task;
    }
    wake_.wait(lock);
  }
}

}  // namespace sallyport::controlplane
