#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/policy_files.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

std::string mode_text(const Json& policy) {
  if (text_field(policy, "mode") == "allow") return "EVERYTHING IS ALLOWED ([policy] default = \"allow\")";
  return "what no rule allows is denied";
}

std::string source_text(const Json& policy) {
  const std::string source = text_field(policy, "source");
  if (source == "default_allow") return "gateway.toml";
  if (source == "files") return "the files that gateway.toml names";
  if (source == "api") return "uploaded: 'sallyctl policy apply' without a path goes back to the configured files";
  if (source == "stored") return "THE LAST VERSION THAT PASSED: the configured files have errors";
  return source;
}

ExitCode run_policy(const Invocation& call) {
  const auto policy = get(call, "/v1/policy");
  if (!policy) return policy.error();
  if (print_json(call, *policy)) return ExitCode::success;
  Table sheet({{""}, {""}});
  const auto line = [&](const char* label, std::string text) { sheet.add({label, std::move(text)}); };
  line("policy", mode_text(*policy));
  line("generation", text_field(*policy, "generation") +
                         (flag_field(*policy, "in_force") ? ", in force" : ", NOT YET in force in the dataplane"));
  line("etag", text_field(*policy, "etag"));
  line("from", source_text(*policy));
  line("applied", text_field(*policy, "applied_at"));
  if (const std::string commit = text_field(*policy, "git_commit", ""); !commit.empty())
    line("commit", commit + " by " + text_field(*policy, "git_author", "nobody known"));
  line("files", joined(list_field(*policy, "files")));
  line("holds", counted(number_field(*policy, "rules"), "rule") + ", " +
                    counted(number_field(*policy, "services"), "service") + ", " +
                    counted(number_field(*policy, "groups"), "group") + ", " +
                    counted(number_field(*policy, "tests"), "test"));
  for (const Json& warning : list_field(*policy, "warnings"))
    if (warning.is_string()) line("warning", warning.get<std::string>());
  sheet.print(call.terminal.out);
  return ExitCode::success;
}

}  // namespace

std::span<const Command> policy_commands() {
  static constexpr std::array list = {
      Command{"policy", "", 0, 0, "The policy in force: version, source and size",
              "'policy check', 'policy test' and 'policy diff OLD NEW' need no gateway. The ETag names what is in the "
              "files.",
              "  sallyctl policy", nullptr, run_policy},
  };
  return list;
}

}  // namespace sallyport::ctl
