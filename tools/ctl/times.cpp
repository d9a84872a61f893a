#include "tools/ctl/times.hpp"

#include <array>
#include <cstdio>

#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

using namespace std::chrono;

constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd";
constexpr std::size_t longest_fraction = 9;

bool has_shape(std::string_view text) {
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == 'd' ? !digit : text[i] != shape[i]) return false;
  }
  return true;
}

// ".123" goes; what must follow is "Z".
bool ends_in_utc(std::string_view rest) {
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || digits > longest_fraction) return false;
    rest.remove_prefix(digits);
  }
  return rest == "Z";
}

}  // namespace

std::optional<WallTime> parse_time(std::string_view text) {
  if (text.size() < shape.size() || !has_shape(text) || !ends_in_utc(text.substr(shape.size()))) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    unsigned value = 0;
    for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + static_cast<unsigned>(text[i] - '0');
    return value;
  };
  const year_month_day date(year(static_cast<int>(number(0, 4))), month(number(5, 2)), day(number(8, 2)));
  const unsigned hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!date.ok() || date.year() < year(1970) || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
}

std::string time_text(WallTime at) {
  const auto midnight = floor<days>(at);
  const year_month_day date(midnight);
  const hh_mm_ss time(at - midnight);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

WallTime wall_now() {
  return floor<seconds>(system_clock::now());
}

std::string distance_text(WallTime at, WallTime now) {
  if (at == now) return "now";
  const bool later = at > now;
  const auto distance = duration_text(static_cast<std::uint64_t>((later ? at - now : now - at).count()));
  return later ? "in " + distance : distance + " ago";
}

std::string distance_text(const std::string& time, WallTime now) {
  const auto at = parse_time(time);
  return at ? distance_text(*at, now) : time;
}

}  // namespace sallyport::ctl
