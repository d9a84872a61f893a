#include "config/read/scalars.hpp"

#include <algorithm>
#include <charconv>

#include "config/base/base64.hpp"
#include "config/limits.hpp"

namespace sallyport::config {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
}

bool all_of(std::string_view text, bool (*predicate)(char)) {
  return std::all_of(text.begin(), text.end(), predicate);
}

// The string, if `accept` takes it.
template <typename Accept>
Parsed<std::string> parse_string(const TomlValue& value, std::string_view expected, Accept accept) {
  const auto* text = value.as<std::string>();
  if (text == nullptr || !accept(std::string_view(*text))) return mismatch(expected, value);
  return *text;
}

bool is_https_url(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme) || url.size() > limits::text_characters) return false;
  if (!all_of(url, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; })) return false;
  const std::string_view rest = url.substr(scheme.size());
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (rest.find_first_of("?#") != std::string_view::npos) return false;
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view digits = authority.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return false;
    authority = authority.substr(0, colon);
  }
  if (authority.size() > 2 && authority.front() == '[' && authority.back() == ']') {
    const auto address = IpAddress::parse(authority.substr(1, authority.size() - 2));
    return address && address->is_v6();
  }
  const auto address = IpAddress::parse(authority);
  return (address && address->is_v4()) || is_host_name(authority);
}

}  // namespace

tl::unexpected<std::string> mismatch(std::string_view expected, const TomlValue& value) {
  return tl::unexpected<std::string>("expected " + std::string(expected) + ", got " + value.describe());
}

Parsed<std::int64_t> parse_integer(const TomlValue& value, std::int64_t least, std::int64_t most) {
  const auto* integer = value.as<std::int64_t>();
  if (integer == nullptr || *integer < least || *integer > most)
    return mismatch("an integer from " + std::to_string(least) + " to " + std::to_string(most), value);
  return *integer;
}

Parsed<bool> parse_boolean(const TomlValue& value) {
  const auto* boolean = value.as<bool>();
  if (boolean == nullptr) return mismatch("true or false", value);
  return *boolean;
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > limits::name_characters) return false;
  if (!is_letter(text[0]) && !is_digit(text[0])) return false;
  return all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_host_name(std::string_view text) {
  constexpr std::size_t longest = 253, longest_label = 63;  // RFC 1035, section 2.3.4
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > longest) return false;
  while (true) {
    const auto dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > longest_label || label.front() == '-' || label.back() == '-') return false;
    if (!all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; })) return false;
    if (dot == std::string_view::npos) return !all_of(label, is_digit);
    text.remove_prefix(dot + 1);
  }
}

Parsed<std::string> parse_name(const TomlValue& value) {
  return parse_string(value, "a name (letters, digits, '.', '_', '-', 63 characters at most)", is_name);
}

Parsed<std::string> parse_text(const TomlValue& value) {
  return parse_string(value, "a text of 1 to 1024 characters without control characters", [](std::string_view text) {
    return !text.empty() && text.size() <= limits::text_characters &&
           std::none_of(text.begin(), text.end(), is_control);
  });
}

Parsed<std::string> parse_user(const TomlValue& value) {
  return parse_string(value, "the name of a user", [](std::string_view text) {
    if (text.empty() || text.size() > 32 || is_digit(text[0]) || text[0] == '-') return false;
    return all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
  });
}

Parsed<std::string> parse_crypto_engine(const TomlValue& value) {
  return parse_string(value, "\"auto\" or the name of an engine", is_name);
}

Parsed<std::chrono::seconds> parse_duration(const TomlValue& value) {
  constexpr std::int64_t longest_s = 365 * 24 * 3600;
  const auto wrong = [&] {
    return mismatch("a duration such as \"30s\", \"5m\", \"8h\" or \"1d\", at most a year", value);
  };
  const auto* text = value.as<std::string>();
  if (text == nullptr || text->size() < 2) return wrong();
  std::int64_t unit_s = 0;
  switch (text->back()) {
    case 's':
      unit_s = 1;
      break;
    case 'm':
      unit_s = 60;
      break;
    case 'h':
      unit_s = 3600;
      break;
    case 'd':
      unit_s = 24 * 3600;
      break;
    default:
      return wrong();
  }
  std::uint32_t count = 0;
  const char* digits_end = text->data() + text->size() - 1;
  const auto [end, error] = std::from_chars(text->data(), digits_end, count);
  if (error != std::errc{} || end != digits_end || count == 0 || count > longest_s / unit_s) return wrong();
  return std::chrono::seconds(count * unit_s);
}

Parsed<std::string> parse_https_url(const TomlValue& value) {
  return parse_string(value, "an https URL such as \"https://10.20.0.10:6443\"", is_https_url);
}

Parsed<std::filesystem::path> PathParser::operator()(const TomlValue& value) const {
  const auto* text = value.as<std::string>();
  if (text == nullptr || text->empty() || text->ends_with('/') || std::any_of(text->begin(), text->end(), is_control))
    return mismatch("the name of a file", value);
  auto path = (folder_ / *text).lexically_normal();
  if (path.native().size() > limits::path_characters) return mismatch("the name of a file", value);
  return path;
}

Parsed<std::filesystem::path> parse_socket_path(const PathParser& paths, const TomlValue& value) {
  auto path = paths(value);
  if (path && path->native().size() > limits::socket_path_characters)
    return mismatch("the name of a socket, 107 characters at most", value);
  return path;
}

Parsed<std::filesystem::path> parse_secret_file(const PathParser& paths, const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text != nullptr && decode_key(*text))
    return tl::make_unexpected(
        "expected the name of a file, got a key; put the key into a file that only its owner can read");
  return paths(value);
}

}  // namespace sallyport::config
