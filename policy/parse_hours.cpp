#include <algorithm>
#include <optional>

#include "config/toml/value.hpp"
#include "policy/hours.hpp"
#include "policy/time_zones.hpp"

namespace sallyport::policy {
namespace {

constexpr std::string_view day_names[7] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

// Cuts off what stands before the next `separator`, and the separator.
std::string_view take_until(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

std::optional<std::size_t> parse_day(std::string_view text) {
  const auto* found = std::find(std::begin(day_names), std::end(day_names), text);
  if (found == std::end(day_names)) return std::nullopt;
  return static_cast<std::size_t>(found - day_names);
}

// "*", "Mon", "Mon-Fri", "Fri-Mon", "Sat,Sun".
bool parse_days(std::string_view text, std::array<bool, 7>& days) {
  if (text == "*") {
    days.fill(true);
    return true;
  }
  if (text.empty() || text.ends_with(',')) return false;
  while (!text.empty()) {
    std::string_view range = take_until(text, ',');
    const bool one = range.find('-') == std::string_view::npos;
    const auto first = parse_day(take_until(range, '-'));
    const auto last = one ? first : parse_day(range);
    if (!first || !last) return false;
    for (std::size_t day = *first;; day = (day + 1) % days.size()) {
      days[day] = true;
      if (day == *last) break;
    }
  }
  return true;
}

// "07:00"; 24:00 if it ends a span.
std::optional<std::chrono::minutes> parse_time(std::string_view text, bool is_end) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 100; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hour = digit(0) * 10 + digit(1), minute = digit(3) * 10 + digit(4);
  if (minute > 59 || hour > 24 || (hour == 24 && (minute != 0 || !is_end))) return std::nullopt;
  return std::chrono::minutes(hour * 60 + minute);
}

}  // namespace

tl::expected<Hours, std::string> parse_hours(std::string_view text) {
  Hours hours;
  hours.text = text;
  std::string_view rest = text;
  const std::string_view days = take_until(rest, ' ');
  std::string_view span = take_until(rest, ' ');
  hours.zone = rest;
  const auto begin = parse_time(take_until(span, '-'), false);
  const auto end = parse_time(span, true);
  if (!parse_days(days, hours.days) || !begin || !end || rest.empty())
    return tl::make_unexpected(
        "expected hours such as \"Mon-Fri 07:00-19:00 Europe/Berlin\", \"Sat,Sun 00:00-24:00 UTC\" or "
        "\"* 22:00-06:00 UTC\", got the string " +
        config::in_quotes(text));
  hours.begin = *begin;
  hours.end = *end;
  if (!TimeZone::find(rest))
    return tl::make_unexpected("there is no time zone " + config::in_quotes(rest) + did_you_mean_zone(rest));
  return hours;
}

}  // namespace sallyport::policy
