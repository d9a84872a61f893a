#include "policy/rate.hpp"

#include <optional>

#include "config/toml/value.hpp"
#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bits;
};
// "bit" is the end of all others, so it comes last.
constexpr Unit units[] = {{"kbit", 1'000}, {"mbit", 1'000'000}, {"gbit", 1'000'000'000}, {"bit", 1}};

// In whole bits: the decimals of "1.5gbit" count in ever smaller steps of the unit, and one below a bit is refused.
std::optional<std::uint64_t> parse_amount(std::string_view digits, std::uint64_t unit) {
  std::uint64_t bits = 0, step = unit;
  bool after_point = false, complete = false;
  for (const char c : digits) {
    if (c == '.') {
      if (after_point || !complete) return std::nullopt;
      after_point = true;
      complete = false;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    complete = true;
    if (after_point) {
      if (step % 10 != 0 && digit != 0) return std::nullopt;
      step /= 10;
      bits += digit * step;
    } else {
      bits = bits * 10 + digit * unit;
    }
    if (bits > abi::max_rate_bits_per_s) return std::nullopt;
  }
  if (!complete) return std::nullopt;
  return bits;
}

}  // namespace

tl::expected<std::uint64_t, std::string> parse_rate(std::string_view text) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    const auto bits = parse_amount(text.substr(0, text.size() - unit.name.size()), unit.bits);
    if (bits && *bits >= limits::lowest_rate_bits_per_s) return *bits;
    break;
  }
  return tl::make_unexpected("expected a rate such as \"500kbit\", \"10mbit\" or \"1.5gbit\", from 8kbit to 1000gbit" +
                             std::string(", got the string ") + config::in_quotes(text));
}

}  // namespace sallyport::policy
