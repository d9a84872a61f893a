#include "tools/ctl/safe_output.hpp"

#include <cstdint>

#include "config/toml/safe_text.hpp"

namespace sallyport::ctl {

std::string printable(std::string_view text) {
  const bool is_utf8 = !config::check_utf8(text);
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool c1_control = byte == 0xc2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xa0;
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8)) {
      result += '?';
    } else if (c1_control) {
      result += '?';
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<std::uint8_t>(c) & 0xc0) == 0x80 ? 0 : 1;
  return count;
}

}  // namespace sallyport::ctl
