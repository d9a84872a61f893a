#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {

namespace {

ExitCode run_pins(const Invocation& call) {
  const auto answer = get(call, "/v1/pins");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table table({{"IDENTITY"}, {"SUBJECT"}, {"SINCE"}});
  for (const Json& pin : list_field(*answer, "pins"))
    table.add({text_field(pin, "identity"), text_field(pin, "subject"), text_field(pin, "at")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no names are pinned\n";
  return ExitCode::success;
}

ExitCode run_forget_pin(const Invocation& call) {
  const auto done = remove(call, "/v1/pins?identity=" + segment(call.arguments[0]));
  if (!done) return done.error();
  if (!print_json(call, *done))
    call.terminal.out << printable(call.arguments[0]) << " belongs to whoever proves it next\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> pin_commands() {
  static constexpr std::array list = {
      Command{"pins", "", 0, 0, "Names that belong to the subject who had them first",
              "An issuer that gives a name to another subject gives no access with it.", "  sallyctl pins", nullptr,
              run_pins},
      Command{"pins forget", "IDENTITY", 1, 1, "Let a name belong to whoever proves it next", "",
              "  sallyctl pins forget user:corp/ann@example.com", nullptr, run_forget_pin},
  };
  return list;
}

}  // namespace sallyport::ctl
