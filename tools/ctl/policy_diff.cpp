#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/policy_files.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

void print_changes(const Invocation& call, const Json& answer) {
  Table table({{"CHANGE"}, {"WHO"}, {"WHAT"}, {"BEFORE"}, {"AFTER"}});
  for (const Json& change : list_field(answer, "changes"))
    table.add({text_field(change, "kind"), text_field(change, "subject"), text_field(change, "target"),
               text_field(change, "before"), text_field(change, "after")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "nobody gains or loses anything\n";
  if (const auto left_out = number_field(answer, "changes_left_out"); left_out != 0)
    call.terminal.out << "and " << left_out << " changes more\n";
  if (const auto left_out = number_field(answer, "peers_left_out"); left_out != 0)
    call.terminal.err << "warning: " << left_out
                      << " peers are too many to compare in the gateway: compare the files with 'policy diff OLD NEW "
                         "--config'\n";
}

ExitCode code_of(const Json& answer) {
  return list_field(answer, "changes").empty() ? ExitCode::success : ExitCode::differs;
}

// Against the version in force and the present peers.
ExitCode compare_online(const Invocation& call) {
  const std::filesystem::path path = call.arguments[0];
  const auto bundle = read_bundle_to_send(std::span(&path, 1));
  if (!bundle) return print_errors(call, bundle.error());
  const auto answer = post(call, "/v1/policy/diff", to_text(bundle_json(*bundle)));
  if (!answer) return answer.error();
  if (!print_json(call, *answer)) print_changes(call, *answer);
  return code_of(*answer);
}

ExitCode compare_files(const Invocation& call) {
  const std::filesystem::path old_path = call.arguments[0], new_path = call.arguments[1];
  const auto before = read_policy(std::span(&old_path, 1));
  if (!before) return print_errors(call, before.error());
  const auto after = read_policy(std::span(&new_path, 1));
  if (!after) return print_errors(call, after.error());
  // A version that a gateway would refuse is compared with nothing.
  if (const Errors failed = policy::failed_tests(policy::run_tests(*after, present())); !failed.empty())
    return print_errors(call, failed);
  const auto subjects = configured_subjects(call);
  if (!subjects) return print_errors(call, subjects.error());
  Json changes = Json::array();
  for (const policy::AccessChange& change : policy::difference(*before, *after, *subjects, {}, present()))
    changes.push_back({{"kind", policy::name_of(change.kind)},
                       {"subject", change.subject},
                       {"target", change.target},
                       {"before", change.before},
                       {"after", change.after}});
  const Json answer = {{"from", before->etag},      {"to", after->etag},    {"changes", std::move(changes)},
                       {"peers", subjects->size()}, {"peers_left_out", 0U}, {"warnings", after->warnings}};
  if (print_json(call, answer)) return code_of(answer);
  if (!call.has("config"))
    call.terminal.err << "warning: no peers to compare for: name the gateway's configuration with --config\n";
  print_changes(call, answer);
  return code_of(answer);
}

ExitCode run_policy_diff(const Invocation& call) {
  if (call.arguments.size() == 2) return compare_files(call);
  if (call.has("config"))
    return usage_error(call.terminal, "policy diff", "--config is for two paths: one is compared in the gateway");
  return compare_online(call);
}

void diff_options(AddOptions add) {
  add("config", word("GATEWAY.toml"), "the peers to compare for, when two paths are given");
}

}  // namespace

std::span<const Command> policy_diff_commands() {
  static constexpr std::array list = {
      Command{"policy diff", "[OLD] NEW", 1, 2, "Who gains and who loses what by another version",
              "With one path it is compared in the gateway: with the version in force, for the present peers. With two "
              "paths\n"
              "no gateway is needed; --config says for which peers. Networks that a rule names count in any case.\n"
              "Exit status 0: nobody gains or loses anything; 4: somebody does; 2: NEW has an error, or a test fails.",
              "  sallyctl policy diff policy/\n  sallyctl policy diff old/ new/ --config gateway.toml", diff_options,
              run_policy_diff},
  };
  return list;
}

}  // namespace sallyport::ctl
