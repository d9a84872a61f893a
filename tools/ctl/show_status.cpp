#include <ostream>

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
    sheet.line("dataplane", "NOT CONNECTED: is sallyport-dataplane running?");
    return;
  }
  std::string state = "connected, up " + duration_text(number_field(dataplane, "uptime_s")) + ", " +
                      text_field(dataplane, "version") + ", boot " + text_field(dataplane, "boot_id");
  if (const auto silent = number_field(dataplane, "updated_s_ago"); silent > 3)
    state += ", NO SIGN OF LIFE for " + duration_text(silent);
  sheet.line("dataplane", state);
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

void add_controlplane(Sheet& sheet, const Json& controlplane) {
  std::string state = "up " + duration_text(number_field(controlplane, "uptime_s")) + ", " +
                      text_field(controlplane, "peers_configured") + " peers configured, " +
                      text_field(controlplane, "commands_pending") + " commands pending";
  sheet.line("controlplane", state);
  const Json& good = field(controlplane, "last_reload_succeeded");
  if (good.is_boolean())
    sheet.line("  last load", std::string(good.get<bool>() ? "good, " : "REFUSED, ") +
                                  ago_text(optional_number(controlplane, "last_reload_s_ago")));
}

}  // namespace

ExitCode run_status(const Invocation& call) {
  const auto status = get(call, "/v1/status");
  if (!status) return status.error();
  if (print_json(call, *status)) return ExitCode::success;
  std::ostream& out = call.terminal.out;
  Sheet sheet;
  sheet.line("gateway", text_field(*status, "gateway") + ", Sallyport " + text_field(*status, "version"));
  add_dataplane(sheet, field(*status, "dataplane"));
  add_controlplane(sheet, field(*status, "controlplane"));
  const Json& problems = list_field(*status, "problems");
  if (problems.empty()) sheet.line("problems", "none");
  for (const Json& problem : problems)
    sheet.line("PROBLEM", text_field(problem, "what") + ": " + text_field(problem, "why"));
  if (const auto total = number_field(*status, "problems_total"); total > problems.size())
    sheet.line("PROBLEM", "and " + std::to_string(total - problems.size()) + " more");
  for (const Json& warning : list_field(*status, "warnings"))
    if (warning.is_string()) sheet.line("warning", warning.get<std::string>());
  sheet.print(out);
  return ExitCode::success;
}

}  // namespace sallyport::ctl
