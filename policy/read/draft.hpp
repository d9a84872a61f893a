// A policy while it is being read: the objects of all files so far, as written, what is wrong with them, and where each
// name stands that must be found. Objects that could not be read in full take part, so that one mistake is reported
// once.
#pragma once

#include <deque>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/toml/table_reader.hpp"
#include "policy/bundle.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

using config::ErrorList;
using config::ListSize;
using config::Located;
using config::Parsed;
using config::Position;
using config::TableReader;
using config::TomlEntry;
using config::TomlTable;
using config::TomlValue;

// A name that somebody wrote and that must exist.
struct Reference {
  std::string name;
  Location location;
};

struct RuleDraft {
  Rule rule;  // `from` as written; `to` and `posture` are still to come
  std::vector<Reference> to, posture;
  Location name, auth_age;  // of their values; only with a line if they are there
};

struct TestDraft {
  Test test;
  Selector source;  // with its location
};

struct Draft {
  explicit Draft(const Bundle& bundle);

  std::vector<Issuer> issuers;
  std::vector<Group> groups;
  std::vector<Service> services;  // identities as written
  std::vector<Posture> postures;
  std::vector<RuleDraft> rules;
  std::vector<TestDraft> tests;
  bool complete = true;  // no file has a syntax error: a name that is not found does not exist

  [[nodiscard]] ErrorList& errors_of(std::size_t file) { return errors_[file]; }
  void report(const Location& location, std::string message);
  void warn(const Location& location, std::string message);
  [[nodiscard]] bool has_errors() const;
  // In the order of files and lines.
  [[nodiscard]] std::vector<Error> take_errors();
  [[nodiscard]] std::vector<std::string> take_warnings();

  // "; did you mean 'backend'?", or "". Gives up after enough mistakes: comparing every unknown name with every known
  // one would take longer than anybody waits.
  [[nodiscard]] std::string suggest(std::string_view written, const std::vector<std::string_view>& known);

 private:
  [[nodiscard]] std::size_t file_of(const Location& location) const;

  std::deque<ErrorList> errors_, warnings_;  // one for each file
  std::unordered_map<const std::string*, std::size_t> files_;
  std::size_t comparisons_left_ = 200'000;
};

// The readers, one for each section. They check what concerns one object alone.
void read_issuers(Draft& draft, TableReader& top);
void read_groups(Draft& draft, TableReader& top);
void read_services(Draft& draft, TableReader& top);
void read_postures(Draft& draft, TableReader& top);
void read_rule(Draft& draft, TableReader reader);
void read_test(Draft& draft, TableReader reader);

// What several readers share.
// The selectors of a list; "*" only by itself, and only if `any_allowed`.
[[nodiscard]] std::vector<Selector> read_selectors(TableReader& reader, std::string_view key, ListSize size,
                                                   bool any_allowed);
// Of an array that is no value of a reader's key: a group. `what` begins its errors.
[[nodiscard]] std::vector<Selector> selectors_in(ErrorList& errors, const std::string& what, const TomlValue& value);
// The entries of a table whose keys are names that people choose. Reports the others.
[[nodiscard]] std::vector<const TomlEntry*> read_named(TableReader& top, std::string_view key, std::size_t most);
[[nodiscard]] Parsed<Selector> parse_selector_value(const TomlValue& value);
// A date-time with its offset.
[[nodiscard]] Parsed<TimePoint> parse_instant(const TomlValue& value);

// Takes a function of a text for one of a value.
template <typename Parse>
[[nodiscard]] auto text_by(Parse parse, std::string_view expected) {
  return [=](const TomlValue& value) -> decltype(parse(std::string_view())) {
    const auto* text = value.as<std::string>();
    if (text == nullptr) return tl::make_unexpected("expected " + std::string(expected) + ", got " + value.describe());
    return parse(std::string_view(*text));
  };
}

}  // namespace sallyport::policy
