// SIGTERM and SIGINT as something to wait for, while this lives.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <chrono>

#include "config/file_descriptor.hpp"

namespace sallyport::ctl {

class StopSignal {
 public:
  StopSignal() : descriptor_(block()) {}
  ~StopSignal() {
    // A signal that has done its work must not end the process when it is let through again.
    const timespec now{};
    while (::sigtimedwait(&wanted_, nullptr, &now) > 0) {}
    ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
  }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }  // readable once it came; never read
  // True: it came. False: the time is over.
  [[nodiscard]] bool wait(std::chrono::milliseconds time) const {
    pollfd wanted{.fd = descriptor(), .events = POLLIN, .revents = 0};
    const auto longest = std::chrono::milliseconds(60'000);
    const auto bounded = std::clamp(time, std::chrono::milliseconds(0), longest);
    return ::poll(&wanted, 1, static_cast<int>(bounded.count())) > 0;
  }

 private:
  int block() {
    ::sigemptyset(&wanted_);
    ::sigaddset(&wanted_, SIGTERM);
    ::sigaddset(&wanted_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &wanted_, &former_);
    return ::signalfd(-1, &wanted_, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  sigset_t wanted_{}, former_{};
  config::FileDescriptor descriptor_;
};

}  // namespace sallyport::ctl
