#include "tools/ctl/options.hpp"

#include <algorithm>
#include <charconv>

#include "config/base/ip.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {

std::vector<std::string> list_option(const Invocation& call, const char* name) {
  std::vector<std::string> values;
  if (!call.has(name)) return values;
  for (const std::string& text : call.options[name].as<std::vector<std::string>>()) {
    for (std::size_t start = 0; start <= text.size();) {
      const std::size_t end = std::min(text.find(',', start), text.size());
      std::string value = text.substr(start, end - start);
      value.erase(0, value.find_first_not_of(' '));
      value.erase(value.find_last_not_of(' ') + 1);
      if (!value.empty()) values.push_back(std::move(value));
      start = end + 1;
    }
  }
  return values;
}

tl::expected<std::optional<std::uint32_t>, std::string> number_option(const Invocation& call, const char* name,
                                                                      std::uint32_t lowest, std::uint32_t highest) {
  if (!call.has(name)) return std::nullopt;
  const std::string text = call.text(name);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= lowest && value <= highest) return value;
  return tl::unexpected("--" + std::string(name) + ": expected an integer from " + std::to_string(lowest) + " to " +
                        std::to_string(highest) + ", got '" + text + "'");
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '-' || text.front() == '.') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

bool is_name(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 63 && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; });
}

tl::expected<std::optional<std::uint64_t>, std::string> duration_option(const Invocation& call, const char* name,
                                                                        std::uint64_t shortest_s,
                                                                        std::uint64_t longest_s) {
  if (!call.has(name)) return std::nullopt;
  const auto seconds = parse_duration(call.text(name));
  if (seconds && *seconds >= shortest_s && *seconds <= longest_s) return seconds;
  return tl::unexpected("--" + std::string(name) + ": expected " + duration_text(shortest_s) + " to " +
                        duration_text(longest_s) + ", like 90s, 5m, 24h or 30d, got '" + call.text(name) + "'");
}

bool is_host_and_port(const std::string& text) {
  if (IpEndpoint::parse(text)) return true;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || !is_host_name(std::string_view(text).substr(0, colon))) return false;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

}  // namespace sallyport::ctl
