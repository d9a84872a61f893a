#include <array>
#include <ostream>

#include "config/load.hpp"
#include "policy/unsupplied.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/policy_files.hpp"

namespace sallyport::ctl {

namespace {

ExitCode run_policy_check(const Invocation& call) {
  const auto paths = policy_paths(call);
  if (!paths) return print_errors(call, paths.error());
  if (paths->empty()) return usage_error(call.terminal, "policy check", "expected a PATH, or --config");
  const auto policy = read_policy(*paths);
  if (!policy) return print_errors(call, policy.error());
  const auto results = policy::run_tests(*policy, present());
  const Errors failed = policy::failed_tests(results);
  std::vector<std::string> warnings = policy->warnings;
  if (call.has("config"))
    if (const auto configuration = config::load(call.text("config")); configuration)
      for (std::string& warning : policy::unsupplied(*policy, *configuration)) warnings.push_back(std::move(warning));
  if (!call.json) print_warnings(call, warnings);
  if (!failed.empty()) return print_errors(call, failed);
  if (call.json) {
    call.terminal.out << to_text({{"ok", true},
                                  {"errors", Json::array()},
                                  {"warnings", warnings},
                                  {"etag", policy->etag},
                                  {"rules", policy->rules.size()},
                                  {"services", policy->services.size()},
                                  {"groups", policy->groups.size()},
                                  {"tests", results.size()}})
                      << '\n';
    return ExitCode::success;
  }
  call.terminal.out << "good: " << counted(policy->rules.size(), "rule") << ", "
                    << counted(policy->services.size(), "service") << ", " << counted(policy->groups.size(), "group")
                    << ", " << counted(results.size(), "passed test") << "\netag " << policy->etag << '\n';
  return ExitCode::success;
}

void files_options(AddOptions add) {
  add("config", word("GATEWAY.toml"), "also the policy files that it names");
}

}  // namespace

std::span<const Command> policy_check_commands() {
  static constexpr std::array list = {
      Command{
          "policy check", "[PATH...]", 0, most_paths, "Whether policy files are right, their tests included",
          "Needs no gateway. A PATH is a file or a folder of *.toml files; all of them are one policy. Every mistake "
          "and\n"
          "every failing test is printed as FILE:LINE:COLUMN; exit status 2 if there is one.",
          "  sallyctl policy check policy/\n  sallyctl policy check --config /etc/sallyport/gateway.toml",
          files_options, run_policy_check},
  };
  return list;
}

}  // namespace sallyport::ctl
