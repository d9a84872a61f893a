// One timer of the event loop. A wait that is set again replaces the one before; none fires after its object is gone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class LoopTimer {
 public:
  LoopTimer(boost::asio::io_context& loop, std::function<void()> fire);
  ~LoopTimer();
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  void fire_after(std::chrono::nanoseconds delay);
  void cancel();
  [[nodiscard]] bool armed() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
