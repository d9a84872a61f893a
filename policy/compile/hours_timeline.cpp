#include "policy/compile/hours_timeline.hpp"

#include <algorithm>

namespace sallyport::policy {

bool HoursTimeline::contains(TimePoint at) {
  return spans_[find(at)].inside;
}

std::optional<TimePoint> HoursTimeline::next_change(TimePoint at) {
  const std::size_t next = find(at) + 1;
  if (next == spans_.size()) return std::nullopt;
  return spans_[next].begin;
}

void HoursTimeline::begin_at(TimePoint at) {
  spans_ = {{at, hours_->contains(at)}};
  last_is_endless_ = false;
}

std::size_t HoursTimeline::find(TimePoint at) {
  if (spans_.empty() || at < spans_.front().begin) begin_at(at);
  while (!last_is_endless_ && spans_.back().begin <= at) {
    const auto next = hours_->next_change(spans_.back().begin);
    if (!next) {
      last_is_endless_ = true;
    } else if (spans_.size() == max_spans) {
      begin_at(at);
    } else {
      spans_.push_back({*next, hours_->contains(*next)});
    }
  }
  const auto after = std::upper_bound(spans_.begin(), spans_.end(), at,
                                      [](TimePoint instant, const Span& span) { return instant < span.begin; });
  return static_cast<std::size_t>(after - spans_.begin()) - 1;
}

}  // namespace sallyport::policy
