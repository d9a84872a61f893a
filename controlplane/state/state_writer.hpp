// The thread that writes the store, so that a slow disk stops no timer. One change is written at a time; what comes
// meanwhile is merged and written next. A write that fails is kept and tried again with the next one: a full disk costs
// nothing but the protection of a restart that comes with it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "controlplane/runtime/lifetime.hpp"
#include "controlplane/state/store.hpp"

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class StateWriter {
 public:
  // Called on `loop` after each try: what is on disk now, or why not.
  using OnWritten = std::function<void(const StoreChange& written)>;
  using OnFailed = std::function<void(const std::string& why, std::uint64_t ticket)>;

  StateWriter(boost::asio::io_context& loop, Store store, OnWritten on_written, OnFailed on_failed);
  // Writes what waits, once, and ends.
  ~StateWriter();

  // Wakes the thread; call once a second with all that changed. An empty change retries what failed.
  void write(StoreChange change);

 private:
  void run();

  boost::asio::io_context& loop_;
  const Lifetime lifetime_;
  Store store_;  // of the thread
  OnWritten on_written_;
  OnFailed on_failed_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  StoreChange waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sallyport::controlplane
