#include "controlplane/runtime/clock_steps.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "config/base/log.hpp"

namespace sallyport::controlplane {
namespace {

// The timer itself is never meant to expire; it is set a day ahead and set again when it does.
constexpr std::time_t far_ahead_s = 86400;

bool arm(int descriptor) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  itimerspec when{};
  when.it_value.tv_sec = now.tv_sec + far_ahead_s;
  return timerfd_settime(descriptor, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr) == 0;
}

}  // namespace

struct ClockSteps::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& loop, std::function<void()> step) : descriptor(loop), on_step(std::move(step)) {}

  void wait() {
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            if (!error) self->on_readable();
                          });
  }

  void on_readable() {
    std::uint64_t expirations = 0;
    const bool stepped = read(descriptor.native_handle(), &expirations, sizeof expirations) < 0 && errno == ECANCELED;
    if (!arm(descriptor.native_handle())) return;
    wait();
    if (stepped && on_step) on_step();
  }

  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> on_step;
};

ClockSteps::ClockSteps(boost::asio::io_context& loop, std::function<void()> on_step)
    : impl_(std::make_shared<Impl>(loop, std::move(on_step))) {
  const int descriptor = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (descriptor < 0 || !arm(descriptor)) {
    log_warning("cannot watch the clock", {{"error", std::strerror(errno)}});
    if (descriptor >= 0) close(descriptor);
    return;
  }
  impl_->descriptor.assign(descriptor);
  impl_->wait();
}

ClockSteps::~ClockSteps() {
  impl_->on_step = nullptr;
  boost::system::error_code ignored;
  impl_->descriptor.close(ignored);
}

}  // namespace sallyport::controlplane
