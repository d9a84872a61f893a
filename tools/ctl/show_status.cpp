#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

std::string busy_text(const Json& worker) {
  const auto busy = static_cast<double>(number_field(worker, "busy_cycles"));
  const double all = busy + static_cast<double>(number_field(worker, "idle_cycles"));
  char text[48];
  std::snprintf(text, sizeof text, "%.0f %% busy since its start", all > 0 ? 100 * busy / all : 0.0);
  const auto core = optional_number(worker, "core");
  return (core ? "core " + std::to_string(*core) : std::string("not pinned")) + ", " + text;
}

// A label and what follows it, aligned.
class Sheet {
 public:
  void line(std::string label, std::string text) { table_.add({std::move(label), std::move(text)}); }
  void print(std::ostream& out) const { table_.print(out); }

 private:
  Table table_{{{"", Table::Align::left}, {"", Table::Align::left}}};
};

void add_dataplane(Sheet& sheet, const Json& dataplane) {
  if (!flag_field(dataplane, "connected")) {
    sheet.line("sallyport-dataplane", "NOT CONNECTED: is it running?");
    return;
  }
  std::string state = "connected, up " + duration_text(number_field(dataplane, "uptime_s")) + ", " +
                      text_field(dataplane, "version") + ", boot " + text_field(dataplane, "boot_id");
  if (const auto silent = number_field(dataplane, "updated_s_ago"); silent > 3)
    state += ", NO SIGN OF LIFE for " + duration_text(silent);
  sheet.line("sallyport-dataplane", state);
  sheet.line("  crypto", text_field(dataplane, "crypto_engine"));
  for (const Json& worker : list_field(dataplane, "workers"))
    sheet.line("  worker " + text_field(worker, "worker"), busy_text(worker));
  sheet.line("  peers", text_field(dataplane, "peers"));
  sheet.line("  sessions", text_field(dataplane, "sessions"));
  sheet.line("  routes", text_field(dataplane, "routes"));
  sheet.line("  neighbours", text_field(dataplane, "neighbours"));
  sheet.line("  buffers", text_field(dataplane, "buffers_in_use") + " of " + text_field(dataplane, "buffers_total") +
                              " in use, " + text_field(dataplane, "packets_held") + " packets held");
  if (flag_field(dataplane, "under_load")) sheet.line("  handshakes", "UNDER LOAD: answered with cookies");
}

void add_peers(Sheet& sheet, const Json& status) {
  const Json& controlplane = field(status, "controlplane");
  const auto online = optional_number(status, "peers_online");
  std::string text = (online ? std::to_string(*online) : std::string("nobody knows how many")) + " online, " +
                     text_field(controlplane, "peers_configured") + " configured";
  if (const auto enrolled = number_field(controlplane, "peers_enrolled"); enrolled != 0)
    text += ", " + std::to_string(enrolled) + " enrolled";
  sheet.line("peers", text);
}

void add_policy(Sheet& sheet, const Json& policy) {
  if (text_field(policy, "mode") == "allow") {
    sheet.line("policy", "none: default = \"allow\"");
    return;
  }
  std::string text = "generation " + text_field(policy, "generation");
  if (const std::string etag = text_field(policy, "etag", ""); !etag.empty()) text += ", " + etag;
  if (const std::string commit = text_field(policy, "git_commit", ""); !commit.empty()) text += ", commit " + commit;
  sheet.line("policy", text + ", since " + text_field(policy, "applied_at") +
                           (flag_field(policy, "in_force") ? "" : ", NOT IN FORCE yet"));
}

void add_controlplane(Sheet& sheet, const Json& controlplane) {
  std::string state = "up " + duration_text(number_field(controlplane, "uptime_s")) + ", " +
                      text_field(controlplane, "commands_pending") + " commands pending";
  sheet.line("sallyport-controlplane", state);
  const Json& good = field(controlplane, "last_reload_succeeded");
  if (good.is_boolean())
    sheet.line("  last load", std::string(good.get<bool>() ? "good, " : "REFUSED, ") +
                                  ago_text(optional_number(controlplane, "last_reload_s_ago")));
}

ExitCode run_status(const Invocation& call) {
  const auto status = get(call, "/v1/status");
  if (!status) return status.error();
  const Json& problems = list_field(*status, "problems");
  const bool healthy = problems.empty() && flag_field(field(*status, "dataplane"), "connected");
  const ExitCode code = healthy ? ExitCode::success : ExitCode::failed;
  if (print_json(call, *status)) return code;
  std::ostream& out = call.terminal.out;
  Sheet sheet;
  sheet.line("gateway", text_field(*status, "gateway") + ", Sallyport " + text_field(*status, "version"));
  add_peers(sheet, *status);
  add_policy(sheet, field(*status, "policy"));
  add_dataplane(sheet, field(*status, "dataplane"));
  add_controlplane(sheet, field(*status, "controlplane"));
  if (problems.empty()) sheet.line("problems", healthy ? "none" : "no dataplane is connected");
  for (const Json& problem : problems)
    sheet.line("PROBLEM", text_field(problem, "what") + ": " + text_field(problem, "why"));
  if (const auto total = number_field(*status, "problems_total"); total > problems.size())
    sheet.line("PROBLEM", "and " + std::to_string(total - problems.size()) + " more");
  for (const Json& warning : list_field(*status, "warnings"))
    if (warning.is_string()) sheet.line("warning", warning.get<std::string>());
  sheet.print(out);
  return code;
}

}  // namespace

std::span<const Command> status_commands() {
  static constexpr std::array list = {
      Command{
          "status", "", 0, 0, "Whether the gateway is well, and what is wrong if not",
          "Read it first when something is wrong: exit status 1 if something is. A PROBLEM line is a part of the\n"
          "configuration that the dataplane refused (it is retried until it works), a port that is down, a gateway "
          "that\n"
          "does not answer, a table that is nearly full, a reload that was refused, state that cannot be written, a "
          "peer\n"
          "that never confirms its handshakes or is in two places.",
          "  sallyctl status\n  sallyctl status --json | jq .problems\n  sallyctl status >/dev/null || page-somebody",
          nullptr, run_status},
  };
  return list;
}

}  // namespace sallyport::ctl
