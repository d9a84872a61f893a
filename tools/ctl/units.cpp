#include "tools/ctl/units.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace sallyport::ctl {
namespace {

std::string formatted(const char* format, double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return std::string(text) + unit;
}

// Three significant digits.
const char* digits_for(double value) {
  return value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f";
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array units = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < units.size(); ++unit) value /= 1024;
  return formatted("%.1f", value, units[unit]);
}

std::string bit_rate_text(double bits_per_second) {
  if (bits_per_second < 0.5) return "0";
  constexpr std::array units = {" bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s"};
  std::size_t unit = 0;
  for (; bits_per_second >= 999.5 && unit + 1 < units.size(); ++unit) bits_per_second /= 1000;
  return formatted(unit == 0 ? "%.0f" : digits_for(bits_per_second), bits_per_second, units[unit]);
}

std::string rate_text(double per_second) {
  if (per_second < 0.05) return "0";
  if (per_second < 9.95) return formatted("%.1f", per_second, "");
  if (per_second < 99'999.5) return formatted("%.0f", per_second, "");
  if (per_second < 999'500) return formatted("%.0f", per_second / 1e3, "k");
  return formatted("%.2f", per_second / 1e6, "M");
}

std::string duration_text(std::uint64_t seconds) {
  constexpr std::uint64_t minute = 60, hour = 60 * minute, day = 24 * hour;
  const auto two = [](std::uint64_t big, const char* big_unit, std::uint64_t small, const char* small_unit) {
    std::string text = std::to_string(big) + big_unit;
    if (small != 0) text += ' ' + std::to_string(small) + small_unit;
    return text;
  };
  if (seconds < minute) return std::to_string(seconds) + 's';
  if (seconds < hour) return two(seconds / minute, "m", seconds % minute, "s");
  if (seconds < day) return two(seconds / hour, "h", seconds % hour / minute, "m");
  return two(seconds / day, "d", seconds % day / hour, "h");
}

std::string ago_text(std::optional<std::uint64_t> seconds) {
  if (!seconds) return "never";
  if (*seconds == 0) return "now";
  return duration_text(*seconds) + " ago";
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  constexpr std::uint64_t longest_s = std::uint64_t{100} * 365 * 24 * 3600;
  std::uint64_t all = 0;
  std::uint64_t former_unit = ~std::uint64_t{0};
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size()) return std::nullopt;
    const std::uint64_t unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 24 * 3600 : 0;
    if (unit == 0 || unit >= former_unit || number > longest_s / unit) return std::nullopt;  // "1m 2h", "1s 1s"
    former_unit = unit;
    all += number * unit;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    if (text.size() > 1 && text.front() == ' ') text.remove_prefix(1);
  }
  if (all > longest_s) return std::nullopt;
  return all;
}

}  // namespace sallyport::ctl
