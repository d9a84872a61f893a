#include "config/toml/safe_text.hpp"

#include <cstdint>
#include <cstdio>

namespace sallyport::config {
namespace {

constexpr unsigned brackets_at_most = 16;
constexpr unsigned dots_per_line_at_most = 32;

bool continues(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xc0) == 0x80;
}

// The length of the well-formed character at the start of `text`, 0 if there is none. Unicode, table 3-7.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!continues(text[i])) return 0;
  const auto second = static_cast<std::uint8_t>(text[1]);
  if (first == 0xe0 && second < 0xa0) return 0;  // overlong
  if (first == 0xed && second > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && second < 0x90) return 0;  // overlong
  if (first == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  return length;
}

void advance(Position& at, char byte) {
  if (byte == '\n') {
    ++at.line;
    at.column = 1;
  } else if (!continues(byte)) {
    ++at.column;
  }
}

// Follows TOML's strings and comments, just enough to know which brackets and dots are structure. Where a text is not
// valid TOML, the parser stops too, so it does not matter what this makes of the rest.
class NestingScanner {
 public:
  explicit NestingScanner(std::string_view text) : text_(text) {}

  std::optional<TextProblem> run() {
    while (!done()) {
      switch (text_[next_]) {
        case '#':
          skip_comment();
          continue;
        case '"':
        case '\'':
          skip_string(text_[next_]);
          continue;
        case '\n':
          dots_ = 0;
          break;
        case '.':
          if (++dots_ > dots_per_line_at_most) return TextProblem{at_, "too many dots on one line"};
          break;
        case '[':
        case '{':
          if (++brackets_ > brackets_at_most) return TextProblem{at_, "nested too deeply"};
          break;
        case ']':
        case '}':
          brackets_ -= brackets_ > 0 ? 1 : 0;
          break;
        default:
          break;
      }
      step();
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] bool done() const { return next_ >= text_.size(); }
  void step() { advance(at_, text_[next_++]); }
  void step(std::size_t count) {
    for (; count > 0 && !done(); --count) step();
  }
  [[nodiscard]] bool tripled(char quote) const {
    return text_.substr(next_, 3) == std::string_view(quote == '"' ? "\"\"\"" : "'''");
  }

  void skip_comment() {
    while (!done() && text_[next_] != '\n') step();
  }

  void skip_string(char quote) {
    const bool multiline = tripled(quote);
    step(multiline ? 3 : 1);
    while (!done()) {
      if (text_[next_] == '\\' && quote == '"') {
        step(2);
      } else if (multiline && tripled(quote)) {
        step(3);
        for (int i = 0; i < 2 && !done() && text_[next_] == quote; ++i)
          step();  // """..."""" ends with quotes of its own
        return;
      } else if (!multiline && (text_[next_] == quote || text_[next_] == '\n')) {
        if (text_[next_] == quote) step();
        return;
      } else {
        step();
      }
    }
  }

  std::string_view text_;
  std::size_t next_ = 0;
  Position at_{1, 1};
  unsigned brackets_ = 0;
  unsigned dots_ = 0;
};

}  // namespace

std::optional<TextProblem> check_utf8(std::string_view text) {
  Position at{1, 1};
  for (std::size_t next = 0; next < text.size();) {
    const std::size_t length = character_length(text.substr(next));
    if (length == 0) {
      char byte[8];
      std::snprintf(byte, sizeof byte, "0x%02x", static_cast<unsigned>(static_cast<std::uint8_t>(text[next])));
      return TextProblem{at, std::string("not UTF-8: byte ") + byte};
    }
    advance(at, text[next]);
    next += length;
  }
  return std::nullopt;
}

std::optional<TextProblem> check_nesting(std::string_view text) {
  return NestingScanner(text).run();
}

std::string escaped(std::string_view text, std::size_t most) {
  const bool cut = text.size() > most;
  if (cut) {
    while (most > 0 && continues(text[most])) --most;
    text = text.substr(0, most);
  }
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<std::uint8_t>(c);
    // U+0080 to U+009F, which a terminal obeys too, are 0xc2 and the byte itself.
    const bool c1_control = byte >= 0x80 && byte < 0xa0 && i > 0 && text[i - 1] == '\xc2';
    if (c1_control) result.pop_back();
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f || c1_control) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\x%02x", static_cast<unsigned>(byte));
      result += buffer;
    } else {
      result += c;
    }
  }
  if (cut) result += "...";
  return result;
}

}  // namespace sallyport::config
