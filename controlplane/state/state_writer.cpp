#include "controlplane/state/state_writer.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace sallyport::controlplane {

StateWriter::StateWriter(boost::asio::io_context& loop, Store store, OnWritten on_written, OnFailed on_failed)
    : loop_(loop),
      store_(std::move(store)),
      on_written_(std::move(on_written)),
      on_failed_(std::move(on_failed)),
      thread_([this] { run(); }) {}

StateWriter::~StateWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StateWriter::write(StoreChange change) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.merge(std::move(change));
    if (waiting_.empty()) return;
  }
  wake_.notify_one();
}

void StateWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    StoreChange change = std::exchange(waiting_, {});
    lock.unlock();
    const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    const auto written = store_.write(change, now);
    if (written)
      boost::asio::post(loop_, lifetime_.guard([this, change] { on_written_(change); }));
    else
      boost::asio::post(
          loop_, lifetime_.guard([this, why = written.error(), ticket = change.ticket] { on_failed_(why, ticket); }));
    lock.lock();
    if (written) continue;
    // Older than what may have come meanwhile. It waits for the next write(), a second from now.
    change.merge(std::exchange(waiting_, {}));
    waiting_ = std::move(change);
    if (stopping_) return;
    wake_.wait(lock);
  }
}

}  // namespace sallyport::controlplane
