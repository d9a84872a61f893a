// [[rule]]
#include "config/read/scalars.hpp"
#include "policy/hours.hpp"
#include "policy/keys.hpp"
#include "policy/limits.hpp"
#include "policy/rate.hpp"
#include "policy/read/draft.hpp"
#include "policy/words.hpp"

namespace sallyport::policy {
namespace {

// A service's name, or "*".
Parsed<std::string> parse_service_name(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text == nullptr || (*text != "*" && !config::is_name(*text)))
    return config::mismatch("the name of a service, or \"*\" alone", value);
  return *text;
}

std::vector<Reference> references(TableReader& reader, std::vector<Located<std::string>> names) {
  std::vector<Reference> result;
  for (auto& name : names) result.push_back({std::move(name.value), reader.errors().locate(name.at)});
  return result;
}

void read_to(RuleDraft& draft, TableReader& reader) {
  draft.to = references(reader, reader.require_list("to", {1, limits::members}, parse_service_name));
  for (const Reference& to : draft.to) {
    if (to.name != "*") continue;
    draft.rule.to_any = true;
    if (draft.to.size() > 1)
      reader.add_error("to", {to.location.line, to.location.column}, "\"*\" is everything and stands alone");
  }
  if (draft.rule.to_any) draft.to.clear();
}

// One string or a list of them.
void read_hours(Rule& rule, TableReader& reader) {
  const auto parse = text_by(parse_hours, "hours such as \"Mon-Fri 07:00-19:00 Europe/Berlin\"");
  const TomlEntry* entry = reader.find("hours");
  if (entry != nullptr && entry->value.as<config::TomlArray>() != nullptr) {
    rule.hours = config::values_of(reader.read_list("hours", {1, limits::hours}, parse));
  } else if (Hours hours; reader.read("hours", hours, parse)) {
    rule.hours.push_back(std::move(hours));
  }
}

void read_when(RuleDraft& draft, TableReader& outer) {
  const TomlTable* table = outer.find_table("when");
  if (table == nullptr) return;
  TableReader reader(*table, outer.position_of("when"), keys::when, outer.errors());
  read_hours(draft.rule, reader);
  draft.posture = references(reader, reader.read_list("posture", {1, limits::conditions}, config::parse_name));
  if (reader.read("auth_age", draft.rule.auth_age, config::parse_duration))
    draft.auth_age = reader.errors().locate(reader.position_of("auth_age"));
}

// A key that would be ignored is a mistake.
void check_keys_of_action(Action action, TableReader& reader) {
  if (action != Action::allow && reader.has("rate")) reader.add_error("rate", "belongs to an allow rule");
  if (action != Action::deny && reader.has("deny")) reader.add_error("deny", "belongs to a deny rule");
}

}  // namespace

void read_rule(Draft& draft, TableReader reader) {
  RuleDraft& rule_draft = draft.rules.emplace_back();
  Rule& rule = rule_draft.rule;
  rule.location = reader.location();
  if (reader.require("name", rule.name, config::parse_name))
    rule_draft.name = reader.errors().locate(reader.position_of("name"));
  const bool action_known = reader.require("action", rule.action, config::parse_word<Action>);
  if (reader.must_have("from")) rule.from = read_selectors(reader, "from", {1, limits::members}, true);
  read_to(rule_draft, reader);
  reader.read("priority", rule.priority, config::integer_in<std::uint32_t>(0, limits::highest_priority));
  read_when(rule_draft, reader);
  reader.read("expires", rule.expires, parse_instant);
  reader.read("rate", rule.rate_bits_per_s, text_by(parse_rate, "a rate such as \"10mbit\""));
  reader.read("log", rule.log, config::parse_word<Log>);
  Refusal refusal = Refusal::drop;
  reader.read("deny", refusal, config::parse_word<Refusal>);
  rule.reject = refusal == Refusal::reject;
  // An unknown action is none of them: nothing that depends on it is said.
  if (action_known) check_keys_of_action(rule.action, reader);
  if (!action_known) rule.action = Action::allow;
}

}  // namespace sallyport::policy
