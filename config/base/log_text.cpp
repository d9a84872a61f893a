#include "config/base/log_text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

namespace sallyport {
namespace {

constexpr char digits[] = "0123456789abcdef";

bool needs_quotes(std::string_view value) {
  return std::any_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f;
  });
}

void append_hex(std::string& out, unsigned char byte) {
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

void append_quoted(std::string& line, std::string_view value) {
  line += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (byte < ' ' || byte == 0x7f) {
      line += "\\x";
      append_hex(line, byte);
    } else {
      line += c;
    }
  }
  line += '"';
}

// The bytes of the character that the text begins with; 0: it begins with none. RFC 3629, section 4.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  const bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  const bool surrogate = first == 0xed && at(1) > 0x9f;
  const bool beyond = first == 0xf4 && at(1) > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\\\\x";
      append_hex(out, byte);
    } else if (byte < ' ' || byte == 0x7f) {
      out += "\\u00";
      append_hex(out, byte);
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

}  // namespace

std::string log_text(std::string_view event, std::initializer_list<LogField> fields) {
  std::string line(event);
  for (const LogField& field : fields) {
    if (field.value.empty()) continue;
    line += ' ';
    line += field.key;
    line += '=';
    if (needs_quotes(field.value)) {
      append_quoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  return line;
}

std::string log_json(std::string_view time, std::string_view level, std::string_view process, std::string_view event,
                     std::initializer_list<LogField> fields) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> first = {
      {{"time", time}, {"level", level}, {"process", process}, {"event", event}}};
  std::string line;
  const auto append = [&line](std::string_view key, std::string_view suffix, std::string_view value) {
    line += line.empty() ? '{' : ',';
    append_json(line, std::string(key).append(suffix));
    line += ':';
    append_json(line, value);
  };
  for (const auto& [key, value] : first) append(key, "", value);
  for (const LogField& field : fields) {
    if (field.value.empty()) continue;
    const bool taken = std::any_of(first.begin(), first.end(), [&](const auto& one) { return one.first == field.key; });
    append(field.key, taken ? "_" : "", field.value);
  }
  line += '}';
  return line;
}

std::string_view journal_priority(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "<7>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::warning:
      return "<4>";
    case LogLevel::error:
      return "<3>";
  }
  return "<6>";
}

bool is_journal(const char* journal_stream, int descriptor) {
  if (journal_stream == nullptr) return false;
  const char* const end = journal_stream + std::strlen(journal_stream);
  std::uint64_t device = 0, inode = 0;
  const auto [colon, device_error] = std::from_chars(journal_stream, end, device);
  if (device_error != std::errc{} || colon == end || *colon != ':') return false;
  const auto [rest, inode_error] = std::from_chars(colon + 1, end, inode);
  struct stat status {};
  return inode_error == std::errc{} && rest == end && fstat(descriptor, &status) == 0 && status.st_dev == device &&
         status.st_ino == inode;
}

void log_each_line(LogLevel level, std::string_view event, std::string_view key, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) log(level, event, {{key, text.substr(0, end)}});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace sallyport
