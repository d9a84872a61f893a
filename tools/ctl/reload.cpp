#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {

namespace {

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

}  // namespace

std::span<const Command> reload_commands() {
  static constexpr std::array list = {
      Command{
          "reload", "", 0, 0, "Read gateway.toml again: all of it takes effect, or nothing",
          "Untouched peers lose no packet. With errors in the file the exit status is 2, and the gateway goes on with\n"
          "what it has. Try a file before with 'sallyctl check'.",
          "  sallyctl check /etc/sallyport/gateway.toml && sallyctl reload", nullptr, run_reload},
  };
  return list;
}

}  // namespace sallyport::ctl
