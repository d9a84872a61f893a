#include <algorithm>
#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

// Words, not signs: they survive every terminal, and a search.
std::string result_mark_of(const std::string& result) {
  if (result == "ok") return "ok";
  if (result == "warning") return "WARNING";
  if (result == "failed") return "FAILED";
  return "unknown";
}

ExitCode run_diagnose(const Invocation& call) {
  const auto answer =
      get(call, call.arguments.empty() ? "/v1/diagnose" : "/v1/diagnose?of=" + segment(call.arguments[0]));
  if (!answer) return answer.error();
  const Json& checks = list_field(*answer, "checks");
  const bool failed = std::any_of(checks.begin(), checks.end(),
                                  [](const Json& check) { return text_field(check, "result") == "failed"; });
  const ExitCode code = failed ? ExitCode::failed : ExitCode::success;
  if (print_json(call, *answer)) return code;
  std::ostream& out = call.terminal.out;
  out << printable(text_field(*answer, "subject")) << "\n\n";
  Table table({{""}, {""}, {""}});
  for (const Json& check : checks)
    table.add({"  " + result_mark_of(text_field(check, "result")), text_field(check, "check"),
               text_field(check, "sentence")});
  table.print(out);
  out << '\n' << printable(text_field(*answer, "conclusion")) << '\n';
  return code;
}

}  // namespace

std::span<const Command> diagnose_commands() {
  static constexpr std::array list = {
      Command{"diagnose", "[PEER|IDENTITY]", 0, 1,
              "Why a tunnel does not work: each step checked, in one sentence each",
              "Without an argument: the gateway itself. Exit status 1 if a check failed.",
              "  sallyctl diagnose\n  sallyctl diagnose ann-laptop\n  sallyctl diagnose sa:prod-eu/shop/frontend",
              nullptr, run_diagnose},
  };
  return list;
}

}  // namespace sallyport::ctl
