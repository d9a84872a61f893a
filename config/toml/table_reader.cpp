#include "config/toml/table_reader.hpp"

#include <algorithm>

#include "config/base/check.hpp"
#include "config/toml/safe_text.hpp"
#include "config/toml/suggest.hpp"

namespace sallyport::config {

TableReader::TableReader(const TomlTable& table, Position position, const TableInfo& info, ErrorList& errors)
    : table_(table), position_(position), info_(info), errors_(errors) {
  report_unknown_keys();
}

const KeyInfo& TableReader::info_of(std::string_view key) const {
  const auto found =
      std::find_if(info_.keys.begin(), info_.keys.end(), [&](const KeyInfo& known) { return known.name == key; });
  SP_CHECK(found != info_.keys.end());
  return *found;
}

const TomlEntry* TableReader::find(std::string_view key) const {
  return table_.find(info_of(key).name);
}

Position TableReader::position_of(std::string_view key) const {
  const TomlEntry* entry = find(key);
  return entry != nullptr ? entry->value.position : position_;
}

void TableReader::add_error(std::string_view key, Position at, const std::string& message) {
  errors_.add(at, std::string(key) + ": " + message);
}

bool TableReader::must_have(std::string_view key) {
  if (has(key)) return true;
  errors_.add(position_, "missing key '" + std::string(key) + "' in " + std::string(info_.header) + ": expected " +
                             std::string(info_of(key).type));
  return false;
}

const TomlTable* TableReader::find_table(std::string_view key) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const auto* table = entry->value.as<TomlTable>();
  if (table == nullptr) add_error(key, "expected a table, [" + std::string(key) + "], got " + entry->value.describe());
  return table;
}

std::vector<Located<const TomlTable*>> TableReader::find_tables(std::string_view key, std::size_t most) {
  std::vector<Located<const TomlTable*>> tables;
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return tables;
  const std::string expected = "expected tables, [[" + std::string(key) + "]], got ";
  const auto* array = entry->value.as<TomlArray>();
  if (array == nullptr) {
    add_error(key, expected + entry->value.describe());
    return tables;
  }
  for (const TomlValue& element : *array) {
    if (tables.size() == most) {
      add_error(key, element.position,
                "expected at most " + std::to_string(most) + ", got " + std::to_string(array->size()));
      break;
    }
    if (const auto* table = element.as<TomlTable>()) {
      tables.push_back({table, element.position});
    } else {
      add_error(key, element.position, expected + element.describe());
    }
  }
  return tables;
}

const TomlArray* TableReader::find_array(std::string_view key, ListSize size) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return nullptr;
  const auto* array = entry->value.as<TomlArray>();
  if (array == nullptr) {
    add_error(key, "expected an array (" + std::string(info_of(key).type) + "), got " + entry->value.describe());
    return nullptr;
  }
  if (array->size() < size.least || array->size() > size.most) {
    add_error(key, "expected " + std::to_string(size.least) + " to " + std::to_string(size.most) + " elements, got " +
                       std::to_string(array->size()));
    return nullptr;
  }
  return array;
}

void TableReader::report_unknown_keys() {
  for (const TomlEntry& entry : table_.entries) {
    const auto is_entry = [&](const KeyInfo& known) { return known.name == entry.key; };
    if (std::any_of(info_.keys.begin(), info_.keys.end(), is_entry)) continue;
    std::vector<std::string_view> names;
    std::string list;
    for (const KeyInfo& known : info_.keys) {
      names.push_back(known.name);
      list += (list.empty() ? "" : ", ") + std::string(known.name);
    }
    const std::string suggestion = did_you_mean(entry.key, names);
    errors_.add(entry.position,
                "unknown key '" + escaped(entry.key, 64) + '\'' +
                    (suggestion.empty() ? "; " + std::string(info_.header) + " has " + list : suggestion));
  }
}

}  // namespace sallyport::config
