#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

// The first few of a list that may be long.
std::string some_of(const Json& list) {
  constexpr std::size_t most = 4;
  Json shown = Json::array();
  for (const Json& element : list)
    if (shown.size() < most) shown.push_back(element);
  const std::string more = list.size() > most ? ", and " + std::to_string(list.size() - most) + " more" : "";
  return joined(shown) + more;
}

std::string when_text(const Json& rule) {
  std::string text = joined(list_field(rule, "hours"), " or ");
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (const Json& posture = list_field(rule, "posture"); !posture.empty()) add("posture " + joined(posture));
  if (const auto age = optional_number(rule, "auth_age_s")) add("authenticated within " + duration_text(*age));
  if (const std::string end = text_field(rule, "expires", ""); !end.empty()) add("until " + end);
  if (const auto rate = optional_number(rule, "rate_bits_per_s"))
    add("at most " + bit_rate_text(static_cast<double>(*rate)));
  return text;
}

ExitCode run_policy_rules(const Invocation& call) {
  const auto rules = get(call, "/v1/policy/rules");
  if (!rules) return rules.error();
  if (print_json(call, *rules)) return ExitCode::success;
  Table table({{"RULE"},
               {"ACTION"},
               {"PRIORITY", right},
               {"ALLOWED", right},
               {"BYTES", right},
               {"DENIED", right},
               {"LIMITED", right},
               {"FROM"},
               {"TO"},
               {"WHEN"},
               {"WHERE"}});
  for (const Json& rule : *rules) {
    const std::string name = text_field(rule, "name", "");
    table.add({name.empty() ? "(no rule)" : name, text_field(rule, "action"), text_field(rule, "priority"),
               text_field(rule, "allowed_packets"), bytes_text(number_field(rule, "allowed_bytes")),
               text_field(rule, "denied_packets"), text_field(rule, "limited_packets"),
               some_of(list_field(rule, "from")), some_of(list_field(rule, "to")), when_text(rule),
               name.empty() ? "" : text_field(rule, "file") + ':' + text_field(rule, "line")});
  }
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no rules\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> policy_rule_commands() {
  static constexpr std::array list = {
      Command{"policy rules", "", 0, 0, "Rules in the order in which they decide, with their counters",
              "Packets are counted by the rule that decided. LIMITED were allowed, and above the rule's rate. '(no "
              "rule)' is\n"
              "what no rule allowed.",
              "  sallyctl policy rules", nullptr, run_policy_rules},
  };
  return list;
}

}  // namespace sallyport::ctl
