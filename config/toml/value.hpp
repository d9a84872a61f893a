// A TOML document as plain values of our own, each with its position. The library that parses TOML is seen by value.cpp
// alone: what reads a document compiles without its headers, and anything in a file that could harm that library
// (nesting without end) is refused before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "config/location.hpp"

namespace sallyport::config {

struct TomlValue;
struct TomlEntry;

using TomlArray = std::vector<TomlValue>;

struct TomlTable {
  std::vector<TomlEntry> entries;  // sorted by key, which TOML makes unique

  [[nodiscard]] const TomlEntry* find(std::string_view key) const noexcept;
};

struct TomlDateTime {
  std::string text;                          // as TOML writes it
  std::optional<std::int64_t> unix_seconds;  // only of a date-time with an offset: the others name no instant
};

struct TomlValue {
  Position position;
  std::variant<std::string, std::int64_t, double, bool, TomlDateTime, TomlArray, TomlTable> content;

  template <typename T>
  [[nodiscard]] const T* as() const noexcept {
    return std::get_if<T>(&content);
  }
  // For error messages: the integer 70000, the string "abc", an array.
  [[nodiscard]] std::string describe() const;
};

struct TomlEntry {
  std::string key;
  Position position;  // of the key
  TomlValue value;
};

// The whole document, or its first syntax error. Refuses what is not UTF-8, and nesting deeper than any of our files
// has.
[[nodiscard]] tl::expected<TomlTable, Error> parse_toml(std::string_view text, const ErrorList& errors);

// Text of unknown origin for one line of a message: in double quotes, control bytes escaped, cut after 64 characters.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace sallyport::config
