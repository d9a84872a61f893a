#include "controlplane/kubernetes/backoff.hpp"

#include <algorithm>

namespace sallyport::controlplane {

std::chrono::milliseconds Backoff::failed(Time now) {
  if (good_since_ && now - *good_since_ >= good_time) failures_ = 0;
  good_since_.reset();
  constexpr unsigned doublings_max = 8;  // 200 ms << 8 is more than `longest`
  const auto whole = std::min(longest, shortest * (1 << std::min(failures_, doublings_max)));
  failures_ = std::min(failures_ + 1, doublings_max + 1);
  std::uniform_int_distribution<std::int64_t> within(whole.count() / 2, whole.count());
  return std::chrono::milliseconds(within(random_));
}

std::chrono::milliseconds Backoff::failed_once_free(Time now) {
  const auto wait = failed(now);
  return failures_ == 1 ? std::chrono::milliseconds(0) : wait;
}

}  // namespace sallyport::controlplane
