#include "policy/hours.hpp"

#include <algorithm>
#include <vector>

#include "config/base/check.hpp"
#include "policy/time_zones.hpp"

namespace sallyport::policy {
namespace {

using std::chrono::days;

// From `begin` on, up to but not with `end`.
struct Span {
  TimePoint begin, end;
};

// The spans that begin on the days from `first` to `last`, counted from the day of `at` on the wall. A span whose times
// a jump of the clock takes away has no length and is left out.
std::vector<Span> spans_around(const Hours& hours, TimePoint at, int first, int last) {
  const auto zone = TimeZone::find(hours.zone);
  SP_CHECK(zone);  // parse_hours() found it
  const auto today = std::chrono::floor<days>(zone->to_local(at));
  std::vector<Span> spans;
  for (int offset = first; offset <= last; ++offset) {
    const days day = today + days(offset);
    const std::chrono::weekday weekday{std::chrono::sys_days(day)};
    if (!hours.days[weekday.iso_encoding() - 1]) continue;
    const days last_day = hours.end <= hours.begin ? day + days(1) : day;
    const Span span{zone->to_instant(day + hours.begin, Choice::earliest),
                    zone->to_instant(last_day + hours.end, Choice::latest)};
    if (span.begin < span.end) spans.push_back(span);
  }
  return spans;
}

bool any_contains(const std::vector<Span>& spans, TimePoint at) {
  return std::any_of(spans.begin(), spans.end(), [&](const Span& span) { return span.begin <= at && at < span.end; });
}

}  // namespace

bool Hours::contains(TimePoint at) const {
  // Of yesterday, because a span may go on into the next day; two days and tomorrow, because a zone may skip a day.
  return any_contains(spans_around(*this, at, -2, 1), at);
}

std::optional<TimePoint> Hours::next_change(TimePoint at) const {
  // A week of days repeats, and a change of the clock takes at most one of them away.
  constexpr int days_ahead = 16;
  const auto spans = spans_around(*this, at, -2, days_ahead);
  std::vector<TimePoint> edges;
  for (const Span& span : spans) {
    edges.push_back(span.begin);
    edges.push_back(span.end);
  }
  std::sort(edges.begin(), edges.end());
  const bool now = any_contains(spans, at);
  // The last span ends within what was looked at, but what follows it is not known.
  const TimePoint known_until = at + std::chrono::days(days_ahead - 1);
  for (const TimePoint edge : edges)
    if (edge > at && edge < known_until && any_contains(spans, edge) != now) return edge;
  return std::nullopt;
}

}  // namespace sallyport::policy
