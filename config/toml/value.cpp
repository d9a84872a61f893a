#include "config/toml/value.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <sstream>

#include "config/toml/safe_text.hpp"

namespace sallyport::config {
namespace {

constexpr std::size_t quoted_characters = 64;

Position position_of(const ::toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

template <typename T>
std::string written(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

std::int64_t unix_seconds(const ::toml::date_time& value) {
  using namespace std::chrono;
  const sys_days day = year{value.date.year} / month{value.date.month} / std::chrono::day{value.date.day};
  const seconds time = hours{value.time.hour} + minutes{value.time.minute} + seconds{value.time.second};
  return (day.time_since_epoch() + time - minutes{value.offset->minutes}).count();
}

TomlValue convert(::toml::node& node);

TomlTable convert_table(::toml::table& table) {
  TomlTable result;
  result.entries.reserve(table.size());
  for (auto&& [key, node] : table)  // a std::map: sorted by key
    result.entries.push_back({std::string(key.str()), position_of(key.source()), convert(node)});
  return result;
}

// Recursion is bounded: check_nesting() passed.
TomlValue convert(::toml::node& node) {
  TomlValue value{position_of(node.source()), {}};
  if (auto* text = node.as_string()) value.content = std::move(text->get());
  if (auto* integer = node.as_integer()) value.content = integer->get();
  if (auto* real = node.as_floating_point()) value.content = real->get();
  if (auto* boolean = node.as_boolean()) value.content = boolean->get();
  if (auto* date = node.as_date()) value.content = TomlDateTime{written(date->get()), std::nullopt};
  if (auto* time = node.as_time()) value.content = TomlDateTime{written(time->get()), std::nullopt};
  if (auto* when = node.as_date_time()) {
    TomlDateTime converted{written(when->get()), std::nullopt};
    if (when->get().offset) converted.unix_seconds = unix_seconds(when->get());
    value.content = std::move(converted);
  }
  if (auto* array = node.as_array()) {
    TomlArray elements;
    elements.reserve(array->size());
    for (auto&& element : *array) elements.push_back(convert(element));
    value.content = std::move(elements);
  }
  if (auto* table = node.as_table()) value.content = convert_table(*table);
  return value;
}

}  // namespace

const TomlEntry* TomlTable::find(std::string_view key) const noexcept {
  const auto found =
      std::lower_bound(entries.begin(), entries.end(), key,
                       [](const TomlEntry& entry, std::string_view wanted) { return entry.key < wanted; });
  return found != entries.end() && found->key == key ? &*found : nullptr;
}

std::string TomlValue::describe() const {
  if (const auto* text = as<std::string>()) return "the string " + in_quotes(*text);
  if (const auto* integer = as<std::int64_t>()) return "the integer " + std::to_string(*integer);
  if (const auto* real = as<double>()) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%g", *real);
    return std::string("the number ") + buffer;
  }
  if (const auto* boolean = as<bool>()) return *boolean ? "true" : "false";
  if (const auto* time = as<TomlDateTime>()) return "the time " + time->text;
  if (as<TomlArray>() != nullptr) return "an array";
  return "a table";
}

tl::expected<TomlTable, Error> parse_toml(std::string_view text, const ErrorList& errors) {
  const auto refuse = [&](Position at, std::string message) {
    return tl::make_unexpected(Error{errors.locate(at), std::move(message)});
  };
  if (const auto problem = check_utf8(text)) return refuse(problem->at, problem->message);
  if (const auto problem = check_nesting(text)) return refuse(problem->at, problem->message);
  try {
    ::toml::table document = ::toml::parse(text);
    return convert_table(document);
  } catch (const ::toml::parse_error& error) {
    return refuse(position_of(error.source()), "syntax error: " + escaped(error.description(), 400));
  } catch (const std::exception& error) { return refuse({}, "cannot be parsed: " + escaped(error.what(), 400)); }
}

std::string in_quotes(std::string_view text) {
  return '"' + escaped(text, quoted_characters) + '"';
}

}  // namespace sallyport::config
