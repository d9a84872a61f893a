#include "controlplane/http/target.hpp"

#include <cstdint>

namespace sallyport::controlplane {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      byte = static_cast<std::uint8_t>(*high * 16 + *low);
      i += 2;
    }
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    decoded += static_cast<char>(byte);
  }
  return decoded;
}

// Cuts the text before the next `separator` off, without it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

}  // namespace

std::optional<std::string_view> Target::parameter(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return std::nullopt;
}

std::optional<Target> parse_target(std::string_view text) {
  if (text.empty() || text[0] != '/' || text.size() > longest_target_bytes) return std::nullopt;
  Target target;
  text.remove_prefix(1);
  std::string_view path = take_until(text, '?');
  while (!path.empty()) {
    auto segment = decode(take_until(path, '/'));
    if (!segment || segment->empty() || target.segments.size() == most_target_parts) return std::nullopt;
    target.segments.push_back(std::move(*segment));
  }
  while (!text.empty()) {
    std::string_view value = take_until(text, '&');
    auto key = decode(take_until(value, '='));
    auto decoded = decode(value);
    if (!key || !decoded || key->empty() || target.query.size() == most_target_parts) return std::nullopt;
    target.query.emplace_back(std::move(*key), std::move(*decoded));
  }
  return target;
}

}  // namespace sallyport::controlplane
