#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/identity_text.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {

namespace {

ExitCode run_identities(const Invocation& call) {
  const auto identities = get(call, "/v1/identities");
  if (!identities) return identities.error();
  if (print_json(call, *identities)) return ExitCode::success;
  Table table({{"IDENTITY"}, {"PEER"}, {"TAGS"}, {"CLAIMS"}, {"CLASS", Table::Align::right}, {"RULES"}});
  for (const Json& identity : *identities)
    table.add({joined(list_field(identity, "identities")), text_field(identity, "peer"),
               joined(list_field(identity, "tags")), claims_text(field(identity, "claims")),
               text_field(identity, "source_class"), joined(list_field(identity, "rules"))});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no peers\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> identity_commands() {
  static constexpr std::array list = {
      Command{"identities", "", 0, 0, "Every peer as the policy sees it: identity, tags, claims and rules in force",
              "Peers of one CLASS may do exactly the same.", "  sallyctl identities", nullptr, run_identities},
  };
  return list;
}

}  // namespace sallyport::ctl
