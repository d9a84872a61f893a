#include "controlplane/runtime/loop_timer.hpp"

#include <cstdint>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace sallyport::controlplane {

struct LoopTimer::Impl {
  Impl(boost::asio::io_context& loop, std::function<void()> on_fire) : timer(loop), fire(std::move(on_fire)) {}

  boost::asio::steady_timer timer;
  std::function<void()> fire;
  std::uint64_t wait = 0;  // number of the wait that counts; 0: none
  std::uint64_t last_wait = 0;
};

LoopTimer::LoopTimer(boost::asio::io_context& loop, std::function<void()> fire)
    : impl_(std::make_shared<Impl>(loop, std::move(fire))) {}

LoopTimer::~LoopTimer() {
  cancel();
}

void LoopTimer::fire_after(std::chrono::nanoseconds delay) {
  impl_->wait = ++impl_->last_wait;
  impl_->timer.expires_after(delay);
  impl_->timer.async_wait([impl = impl_, wait = impl_->wait](const boost::system::error_code& error) {
    if (error || impl->wait != wait) return;
    impl->wait = 0;
    impl->fire();
  });
}

void LoopTimer::cancel() {
  impl_->wait = 0;
  impl_->timer.cancel();
}

bool LoopTimer::armed() const noexcept {
  return impl_->wait != 0;
}

}  // namespace sallyport::controlplane
