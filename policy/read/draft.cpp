#include "policy/read/draft.hpp"

#include <algorithm>

#include "config/base/check.hpp"
#include "config/read/scalars.hpp"
#include "config/toml/safe_text.hpp"
#include "policy/limits.hpp"
#include "policy/selector.hpp"

namespace sallyport::policy {

Draft::Draft(const Bundle& bundle) {
  for (const BundleFile& file : bundle.files) {
    errors_.emplace_back(file.name);
    warnings_.emplace_back(file.name);
    files_.emplace(errors_.back().locate({}).file.get(), files_.size());
  }
}

std::size_t Draft::file_of(const Location& location) const {
  const auto found = files_.find(location.file.get());
  SP_CHECK(found != files_.end());
  return found->second;
}

void Draft::report(const Location& location, std::string message) {
  errors_[file_of(location)].add({location.line, location.column}, std::move(message));
}

void Draft::warn(const Location& location, std::string message) {
  warnings_[file_of(location)].add({location.line, location.column}, std::move(message));
}

bool Draft::has_errors() const {
  return std::any_of(errors_.begin(), errors_.end(), [](const ErrorList& list) { return !list.empty(); });
}

std::vector<Error> Draft::take_errors() {
  std::vector<Error> all;
  for (ErrorList& list : errors_)
    for (Error& error : list.take_sorted()) all.push_back(std::move(error));
  return all;
}

std::vector<std::string> Draft::take_warnings() {
  std::vector<std::string> all;
  for (ErrorList& list : warnings_)
    for (const Error& warning : list.take_sorted()) all.push_back(to_string(warning));
  return all;
}

std::string Draft::suggest(std::string_view written, const std::vector<std::string_view>& known) {
  if (known.size() > comparisons_left_) return {};
  comparisons_left_ -= known.size();
  return config::did_you_mean(written, known);
}

Parsed<Selector> parse_selector_value(const TomlValue& value) {
  return text_by(parse_selector, "a selector such as \"group:sre\"")(value);
}

std::vector<Selector> read_selectors(TableReader& reader, std::string_view key, ListSize size, bool any_allowed) {
  std::vector<Selector> selectors;
  for (auto& read : reader.read_list(key, size, parse_selector_value)) {
    read.value.location = reader.errors().locate(read.at);
    selectors.push_back(std::move(read.value));
  }
  for (const Selector& selector : selectors) {
    if (selector.kind != SelectorKind::any || (any_allowed && selectors.size() == 1)) continue;
    reader.add_error(key, {selector.location.line, selector.location.column},
                     any_allowed ? "\"*\" is everybody and stands alone" : "\"*\" can stand only in `from` of a rule");
  }
  return selectors;
}

std::vector<Selector> selectors_in(ErrorList& errors, const std::string& what, const TomlValue& value) {
  std::vector<Selector> selectors;
  const auto* array = value.as<config::TomlArray>();
  if (array == nullptr || array->size() > limits::members) {
    errors.add(value.position, what + ": expected a list of at most " + std::to_string(limits::members) +
                                   " selectors, got " +
                                   (array == nullptr ? value.describe() : std::to_string(array->size())));
    return selectors;
  }
  for (const TomlValue& element : *array) {
    auto selector = parse_selector_value(element);
    if (selector && selector->kind == SelectorKind::any)
      selector = tl::make_unexpected(std::string("\"*\" can stand only in `from` of a rule"));
    if (selector) {
      selector->location = errors.locate(element.position);
      selectors.push_back(std::move(*selector));
    } else {
      errors.add(element.position, what + ": " + selector.error());
    }
  }
  return selectors;
}

std::vector<const TomlEntry*> read_named(TableReader& top, std::string_view key, std::size_t most) {
  std::vector<const TomlEntry*> entries;
  const TomlTable* table = top.find_table(key);
  if (table == nullptr) return entries;
  if (table->entries.size() > most) {
    top.add_error(key, "expected at most " + std::to_string(most) + ", got " + std::to_string(table->entries.size()));
    return entries;
  }
  for (const TomlEntry& entry : table->entries) {
    if (config::is_name(entry.key)) {
      entries.push_back(&entry);
    } else {
      top.add_error(key, entry.position,
                    "expected a name (letters, digits, '.', '_', '-', 63 characters at most), got " +
                        config::in_quotes(entry.key));
    }
  }
  return entries;
}

Parsed<TimePoint> parse_instant(const TomlValue& value) {
  const auto* time = value.as<config::TomlDateTime>();
  if (time == nullptr || !time->unix_seconds)
    return config::mismatch("a date-time with an offset such as 2026-12-01T18:00:00Z", value);
  return TimePoint(std::chrono::seconds(*time->unix_seconds));
}

}  // namespace sallyport::policy
