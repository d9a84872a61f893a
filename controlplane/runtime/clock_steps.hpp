// Notices when somebody sets the wall clock (TFD_TIMER_CANCEL_ON_SET): what was written down as wall time must be
// written anew then. Protocol timers never use wall time, so nothing else depends on it.
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace sallyport::controlplane {

class ClockSteps {
 public:
  // Called on the loop after each step. If the kernel offers no such timer, it never is.
  ClockSteps(boost::asio::io_context& loop, std::function<void()> on_step);
  ~ClockSteps();
  ClockSteps(const ClockSteps&) = delete;
  ClockSteps& operator=(const ClockSteps&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
