#include "controlplane/trust/fetch_schedule.hpp"

#include <algorithm>

namespace sallyport::controlplane {

bool FetchSchedule::due(policy::TimePoint now) {
  if (!next_at_) return true;
  const auto latest = now + intervals_.refresh * (100 + spread_percent) / 100;
  if (*next_at_ > latest) next_at_ = now + spread(intervals_.retry);  // the clock was set back
  return now >= *next_at_;
}

bool FetchSchedule::may_hurry(policy::TimePoint now) const {
  return !started_at_ || now < *started_at_ || now - *started_at_ >= intervals_.unknown_key;
}

void FetchSchedule::on_good(policy::TimePoint now) {
  failures_ = 0;
  next_at_ = now + spread(intervals_.refresh);
}

void FetchSchedule::on_failed(policy::TimePoint now) {
  const auto wait = intervals_.retry * (1U << std::min(failures_, doublings_max));
  failures_ = std::min(failures_ + 1, doublings_max);
  next_at_ = now + spread(std::min<std::chrono::seconds>(wait, intervals_.refresh));
}

std::chrono::seconds FetchSchedule::spread(std::chrono::seconds interval) {
  const auto most = interval.count() * spread_percent / 100;
  return interval + std::chrono::seconds(std::uniform_int_distribution<std::int64_t>(-most, most)(random_));
}

}  // namespace sallyport::controlplane
