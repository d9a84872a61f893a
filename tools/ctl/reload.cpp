#include <ostream>

#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {

ExitCode run_reload(const Invocation& call) {
  const auto summary = post(call, "/v1/reload");
  if (!summary) return summary.error();
  if (print_json(call, *summary)) return ExitCode::success;
  for (const Json& warning : list_field(*summary, "warnings"))
    if (warning.is_string()) call.terminal.err << "warning: " << printable(warning.get<std::string>()) << '\n';
  const Json& changes = list_field(*summary, "changes");
  for (const Json& change : changes)
    if (change.is_string()) call.terminal.out << printable(change.get<std::string>()) << '\n';
  call.terminal.out << (changes.empty() ? "reloaded: nothing had changed\n" : "reloaded\n");
  return ExitCode::success;
}

}  // namespace sallyport::ctl
