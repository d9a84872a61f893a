// Hours with a memory: time zones are slow to ask, and thousands of peers are asked about the same few days.
#pragma once

#include <optional>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

class HoursTimeline {
 public:
  // `hours` must stay where it is.
  explicit HoursTimeline(const Hours& hours) : hours_(&hours) {}

  // As Hours has them.
  [[nodiscard]] bool contains(TimePoint at);
  [[nodiscard]] std::optional<TimePoint> next_change(TimePoint at);

 private:
  struct Span {
    TimePoint begin;
    bool inside;
  };
  static constexpr std::size_t max_spans = 4096;

  void begin_at(TimePoint at);
  // Makes spans_ reach beyond `at`; the index of the span with it.
  std::size_t find(TimePoint at);

  const Hours* hours_;
  std::vector<Span> spans_;  // without a gap
  bool last_is_endless_ = false;
};

}  // namespace sallyport::policy
