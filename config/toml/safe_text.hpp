// What is checked of a text before a TOML parser sees it, and how a piece of it may appear in a message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/location.hpp"

namespace sallyport::config {

struct TextProblem {
  Position at;
  std::string message;
};

// The first byte that is not UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] std::optional<TextProblem> check_utf8(std::string_view text);

// Nesting that no file of ours needs: more than 16 open brackets, or more than 32 dots outside strings on a line
// (dotted keys make tables). A parser that recurses would run out of stack on such a text.
[[nodiscard]] std::optional<TextProblem> check_nesting(std::string_view text);

// Control bytes, quotes and backslashes escaped, cut at a whole character after `most` bytes with "..." added.
[[nodiscard]] std::string escaped(std::string_view text, std::size_t most);

}  // namespace sallyport::config
