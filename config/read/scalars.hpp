// From a TOML value to a number, a word or a text of ours, or to "expected X, got Y". Each function is one kind of
// value that a key may hold; the functions that take bounds return the function that reads.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>

#include "config/toml/suggest.hpp"
#include "config/toml/table_reader.hpp"
#include "config/words.hpp"

namespace sallyport::config {

// "expected X, got Y" about a value.
[[nodiscard]] tl::unexpected<std::string> mismatch(std::string_view expected, const TomlValue& value);

[[nodiscard]] Parsed<std::int64_t> parse_integer(const TomlValue& value, std::int64_t least, std::int64_t most);
[[nodiscard]] Parsed<bool> parse_boolean(const TomlValue& value);
// A letter or digit, then letters, digits, '.', '_' and '-', 63 characters at most.
[[nodiscard]] Parsed<std::string> parse_name(const TomlValue& value);
// 1 to 1024 bytes without control bytes.
[[nodiscard]] Parsed<std::string> parse_text(const TomlValue& value);
[[nodiscard]] Parsed<std::string> parse_user(const TomlValue& value);
[[nodiscard]] Parsed<std::string> parse_crypto_engine(const TomlValue& value);
// "30s", "5m", "8h", "1d": at least a second, at most a year.
[[nodiscard]] Parsed<std::chrono::seconds> parse_duration(const TomlValue& value);
// Only https, without user name and password.
[[nodiscard]] Parsed<std::string> parse_https_url(const TomlValue& value);

[[nodiscard]] bool is_name(std::string_view text);
// A DNS host name: labels of letters, digits, '-' and '_'; the last one is no number.
[[nodiscard]] bool is_host_name(std::string_view text);

// Integers from least to most, both included.
template <std::unsigned_integral Integer>
[[nodiscard]] auto integer_in(Integer least, Integer most) {
  return [=](const TomlValue& value) -> Parsed<Integer> {
    return parse_integer(value, std::int64_t{least}, std::int64_t{most}).map([](std::int64_t number) {
      return static_cast<Integer>(number);
    });
  };
}

// A word of the enumeration.
template <typename Enum>
[[nodiscard]] Parsed<Enum> parse_word(const TomlValue& value) {
  std::string expected;
  std::vector<std::string_view> known;
  for (const auto& word : words_of<Enum>()) {
    if (const auto* text = value.as<std::string>(); text != nullptr && *text == word.text) return word.value;
    known.push_back(word.text);
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (i > 0) expected += i + 1 == known.size() ? " or " : ", ";
    expected += in_quotes(known[i]);
  }
  auto error = mismatch(expected, value);
  if (const auto* text = value.as<std::string>()) error.value() += did_you_mean(*text, known);
  return error;
}

// File names, relative to the folder of the file that names them.
class PathParser {
 public:
  explicit PathParser(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // Absolute and without "." and "..".
  [[nodiscard]] Parsed<std::filesystem::path> operator()(const TomlValue& value) const;

 private:
  std::filesystem::path folder_;
};

// A path that a Unix socket can have.
[[nodiscard]] Parsed<std::filesystem::path> parse_socket_path(const PathParser& paths, const TomlValue& value);
// The name of a file with a secret in it. Whoever wrote the secret itself hears so, and it is not repeated.
[[nodiscard]] Parsed<std::filesystem::path> parse_secret_file(const PathParser& paths, const TomlValue& value);

}  // namespace sallyport::config
