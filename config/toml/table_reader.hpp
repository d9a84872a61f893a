// Reads one table of a document by the list of its keys (TableInfo). The list is the only declaration of a key: it
// makes the error for a misspelt one, the "expected" of a missing one, and the reference in README.md; a reader that
// asks for a key that is not in it is our bug. A mistake becomes an error with its position, and reading goes on, so
// that an operator sees all of them at once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "config/toml/value.hpp"

namespace sallyport::config {

struct KeyInfo {
  std::string_view name;
  std::string_view type;      // what may stand there, for people: "integer 1..65535"
  std::string_view fallback;  // as TOML; "required", or "none" when absence has a meaning of its own
  std::string_view meaning;
};

struct TableInfo {
  std::string_view header;  // as the operator writes it: "[[peer]]"
  std::string_view meaning;
  std::span<const KeyInfo> keys;
};

// A typed value, or "expected X, got Y".
template <typename T>
using Parsed = tl::expected<T, std::string>;

// A value and where it stands.
template <typename T>
struct Located {
  T value;
  Position at;
};

struct ListSize {
  std::size_t least = 0;
  std::size_t most = 0;
};

class TableReader {
 public:
  // Reports the unknown keys at once. Everything given must outlive the reader.
  TableReader(const TomlTable& table, Position position, const TableInfo& info, ErrorList& errors);

  [[nodiscard]] Position position() const noexcept { return position_; }
  [[nodiscard]] Location location() const { return errors_.locate(position_); }
  [[nodiscard]] ErrorList& errors() noexcept { return errors_; }

  [[nodiscard]] const TomlEntry* find(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  // Of the value; of the table when the key is absent.
  [[nodiscard]] Position position_of(std::string_view key) const;

  void add_error(std::string_view key, const std::string& message) { add_error(key, position_of(key), message); }
  void add_error(std::string_view key, Position at, const std::string& message);

  // Leaves `out` alone when the key is absent or wrong; the latter is reported. True when a value was read.
  template <typename T, typename Parser>
  bool read(std::string_view key, T& out, Parser parse) {
    const TomlEntry* entry = find(key);
    if (entry == nullptr) return false;
    auto parsed = parse(entry->value);
    if (!parsed) {
      add_error(key, entry->value.position, parsed.error());
      return false;
    }
    out = std::move(*parsed);
    return true;
  }

  // As read(); absence is an error too.
  template <typename T, typename Parser>
  bool require(std::string_view key, T& out, Parser parse) {
    return must_have(key) && read(key, out, parse);
  }

  // The elements of an array that parse; the others are reported, as is a length out of bounds.
  template <typename Parser>
  auto read_list(std::string_view key, ListSize size, Parser parse) {
    using Element = typename decltype(parse(std::declval<const TomlValue&>()))::value_type;
    std::vector<Located<Element>> result;
    const TomlArray* array = find_array(key, size);
    if (array == nullptr) return result;
    result.reserve(array->size());
    for (const TomlValue& element : *array) {
      auto parsed = parse(element);
      if (parsed) {
        result.push_back({std::move(*parsed), element.position});
      } else {
        add_error(key, element.position, parsed.error());
      }
    }
    return result;
  }

  template <typename Parser>
  auto require_list(std::string_view key, ListSize size, Parser parse) {
    must_have(key);
    return read_list(key, size, parse);
  }

  // The table of a section, or null: absent, or reported as something else.
  [[nodiscard]] const TomlTable* find_table(std::string_view key);
  // The tables of `[[key]]`, at most `most`; whatever else stands there is reported.
  [[nodiscard]] std::vector<Located<const TomlTable*>> find_tables(std::string_view key, std::size_t most);

  // False, and reported, when the key is absent.
  bool must_have(std::string_view key);

 private:
  const KeyInfo& info_of(std::string_view key) const;
  [[nodiscard]] const TomlArray* find_array(std::string_view key, ListSize size);
  void report_unknown_keys();

  const TomlTable& table_;
  Position position_;
  const TableInfo& info_;
  ErrorList& errors_;
};

template <typename T>
[[nodiscard]] std::vector<T> values_of(const std::vector<Located<T>>& located) {
  std::vector<T> values;
  values.reserve(located.size());
  for (const auto& one : located) values.push_back(one.value);
  return values;
}

}  // namespace sallyport::config
