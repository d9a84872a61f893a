#include "policy/posture_condition.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "config/limits.hpp"
#include "config/read/scalars.hpp"
#include "policy/text_mismatch.hpp"
#include "policy/words.hpp"

namespace sallyport::policy {
namespace {

std::string_view without_spaces(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<PostureValue> parse_value(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    const std::string_view inner = text.substr(1, text.size() - 2);
    const bool plain = std::none_of(inner.begin(), inner.end(),
                                    [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '"' || c == '\\'; });
    return plain ? std::optional<PostureValue>(std::string(inner)) : std::nullopt;
  }
  // No "inf", no "nan", no exponent.
  if (text.find_first_not_of("0123456789.-") != std::string_view::npos) return std::nullopt;
  if (const auto integer = parse_number<std::int64_t>(text)) return *integer;
  if (text.starts_with('.') || text.ends_with('.') || text.starts_with("-.")) return std::nullopt;
  const bool has_point = text.find('.') != std::string_view::npos;
  if (const auto real = parse_number<double>(text); real && has_point) return *real;
  return std::nullopt;
}

bool is_number(const PostureValue& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

}  // namespace

tl::expected<PostureCondition, std::string> parse_posture_condition(std::string_view text) {
  const auto wrong = [&] {
    return mismatch("a condition such as \"disk_encrypted == true\" or \"os_patch_age_days <= 30\"", text);
  };
  const auto at = text.find_first_of("=!<>");
  if (at == std::string_view::npos || text.size() > config::limits::text_characters) return wrong();
  const std::string_view rest = text.substr(at);
  for (const auto& word : config::words_of<Comparison>()) {
    if (!rest.starts_with(word.text)) continue;
    const std::string_view key = without_spaces(text.substr(0, at));
    const std::string_view written = without_spaces(rest.substr(word.text.size()));
    auto value = parse_value(written);
    if (!config::is_name(key) || !value) return wrong();
    const bool orders = word.value != Comparison::equal && word.value != Comparison::not_equal;
    if (orders && !is_number(*value)) return mismatch("a number after " + std::string(word.text), text);
    return PostureCondition{std::string(key) + ' ' + std::string(word.text) + ' ' + std::string(written),
                            std::string(key), word.value, std::move(*value)};
  }
  return wrong();
}

}  // namespace sallyport::policy
