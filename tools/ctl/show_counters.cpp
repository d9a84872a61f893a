#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

// "3 wan, 1 lan": where the total comes from, or nothing if one port has it all.
std::string by_port_text(const Json& by_port, const std::string& counter) {
  std::string text;
  for (const auto& [port, values] : by_port.items())
    if (const auto value = number_field(values, counter); value != 0)
      text += (text.empty() ? "" : ", ") + port + ' ' + std::to_string(value);
  return text;
}

// One kind of counter: its values, where they came from, and what they mean.
bool print_section(const Invocation& call, const char* title, const Json& values, const Json& texts, const char* kind,
                   const Json& by_port) {
  if (!values.is_object()) return false;
  const bool all = call.has("all");
  Table table({{title}, {"TOTAL", right}, {"BY PORT"}, {"MEANING"}});
  for (const auto& [name, value] : values.items()) {
    const Json& info = field(texts, name);
    if (text_field(info, "kind") != kind || (!all && number_field(values, name) == 0)) continue;
    table.add({name, text_field(values, name), by_port.is_object() ? by_port_text(by_port, name) : "",
               text_field(info, "text", "")});
  }
  if (table.empty()) return false;
  table.print(call.terminal.out);
  call.terminal.out << '\n';
  return true;
}

ExitCode run_counters(const Invocation& call) {
  const auto counters = get(call, "/v1/counters");
  if (!counters) return counters.error();
  if (print_json(call, *counters)) return ExitCode::success;
  const Json& totals = field(*counters, "totals");
  const Json& texts = field(*counters, "texts");
  const Json& by_port = field(*counters, "by_port");
  bool any = print_section(call, "PACKETS", totals, texts, "flow", by_port);
  any |= print_section(call, "EVENT", totals, texts, "event", by_port);
  any |= print_section(call, "DROPPED", totals, texts, "drop", by_port);
  any |= print_section(call, "CONTROL PLANE", field(*counters, "control_plane"),
                       field(*counters, "control_plane_texts"), "event", Json());
  if (!any) call.terminal.out << "all counters are zero\n";
  if (!totals.is_object() || totals.empty()) call.terminal.out << "no dataplane is connected: 'sallyctl status'\n";
  if (!call.has("all")) call.terminal.out << "counters that are zero are hidden: --all shows them\n";
  return ExitCode::success;
}

ExitCode run_configuration(const Invocation& call) {
  const auto configuration = get(call, "/v1/config");
  if (!configuration) return configuration.error();
  call.terminal.out << to_text(*configuration) << '\n';
  return ExitCode::success;
}

void counters_options(AddOptions add) {
  add("all,a", "those that are zero, too");
}

}  // namespace

std::span<const Command> counter_commands() {
  static constexpr std::array list = {
      Command{
          "counters", "", 0, 0, "Where packets went: every counter and drop reason, with its meaning",
          "received + originated = sent + punted + consumed + merged + all DROPPED + held. A drop is counted at the\n"
          "port that received the packet. To see the packets themselves: sallyctl capture --drop REASON.",
          "  sallyctl counters\n  sallyctl counters --all", counters_options, run_counters},
      Command{"config", "", 0, 0, "The configuration in force, as JSON",
              "What the control plane runs with, defaults filled in. Secrets are named by their files only.",
              "  sallyctl config | jq .port", nullptr, run_configuration},
  };
  return list;
}

}  // namespace sallyport::ctl
