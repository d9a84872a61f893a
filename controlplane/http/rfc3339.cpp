#include "controlplane/http/rfc3339.hpp"

namespace sallyport::controlplane {
namespace {

using namespace std::chrono;

// Takes exactly `digits` decimal digits off the text.
std::optional<unsigned> take_number(std::string_view& text, unsigned digits) {
  if (text.size() < digits) return std::nullopt;
  unsigned value = 0;
  for (unsigned i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<seconds> take_time(std::string_view& text, bool with_seconds) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  unsigned second = 0;
  if (with_seconds) {
    if (!take(text, ':')) return std::nullopt;
    const auto taken = take_number(text, 2);
    if (!taken || *taken > 59) return std::nullopt;
    second = *taken;
  }
  return hours(*hour) + minutes(*minute) + seconds(second);
}

std::optional<sys_days> take_date(std::string_view& text) {
  const auto year_number = take_number(text, 4);
  if (!year_number || *year_number < 1970 || !take(text, '-')) return std::nullopt;
  const auto month_number = take_number(text, 2);
  if (!month_number || !take(text, '-')) return std::nullopt;
  const auto day_number = take_number(text, 2);
  if (!day_number) return std::nullopt;
  const year_month_day date(year(static_cast<int>(*year_number)), month(*month_number), day(*day_number));
  if (!date.ok()) return std::nullopt;
  return sys_days(date);
}

}  // namespace

std::optional<sys_seconds> parse_rfc3339(std::string_view text) {
  const auto date = take_date(text);
  if (!date || (!take(text, 'T') && !take(text, 't') && !take(text, ' '))) return std::nullopt;
  const auto time = take_time(text, true);
  if (!time) return std::nullopt;
  seconds offset{0};
  if (!take(text, 'Z') && !take(text, 'z')) {
    const bool west = take(text, '-');
    if (!west && !take(text, '+') && !take(text, ' ')) return std::nullopt;  // a '+' of a query may arrive as a space
    const auto distance = take_time(text, false);
    if (!distance) return std::nullopt;
    offset = west ? -*distance : *distance;
  }
  if (!text.empty()) return std::nullopt;
  return sys_seconds(*date) + *time - offset;
}

sys_seconds wall_clock(const RequestTime& time) {
  return sys_seconds(seconds(time.wall_ns / second_ns));
}

}  // namespace sallyport::controlplane
