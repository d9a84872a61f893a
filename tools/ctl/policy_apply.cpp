#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/policy_files.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

void print_applied(const Invocation& call, const Json& applied) {
  for (const Json& warning : list_field(applied, "warnings"))
    if (warning.is_string()) call.terminal.err << "warning: " << printable(warning.get<std::string>()) << '\n';
  for (const Json& change : list_field(applied, "changes"))
    if (change.is_string()) call.terminal.out << printable(change.get<std::string>()) << '\n';
  call.terminal.out << (list_field(applied, "changes").empty() ? "nothing had changed: " : "applied: ") << "generation "
                    << printable(text_field(applied, "generation")) << ", etag "
                    << printable(text_field(applied, "etag")) << '\n';
}

ExitCode run_policy_apply(const Invocation& call) {
  const std::string made_from = call.text("made-from");
  if (call.has("made-from") && made_from.empty())
    return usage_error(call.terminal, "policy apply", "--made-from: expected an ETag ('sallyctl policy' shows it)");
  tl::expected<Json, ExitCode> applied;
  if (call.arguments.empty()) {
    applied = post(call, "/v1/policy/apply", {}, made_from);
  } else {
    const std::vector<std::filesystem::path> paths(call.arguments.begin(), call.arguments.end());
    const auto bundle = read_bundle_to_send(paths);
    if (!bundle) return print_errors(call, bundle.error());
    applied = put(call, "/v1/policy", to_text(bundle_json(*bundle)), made_from);
  }
  if (!applied) return applied.error();
  if (!print_json(call, *applied)) print_applied(call, *applied);
  return ExitCode::success;
}

void apply_options(AddOptions add) {
  add("made-from", word("ETAG"), "refuse if this version is no longer the one in force");
}

}  // namespace

std::span<const Command> policy_apply_commands() {
  static constexpr std::array list = {
      Command{
          "policy apply", "[PATH...]", 0, most_paths, "Put a policy in force: all of it, or nothing",
          "Without a PATH the gateway reads the files that gateway.toml names again; with one these files are "
          "uploaded,\n"
          "and are in force until the next reload or restart, which read the configured files.\n"
          "Exit status 1: refused, because --made-from is outdated; 2: errors, or a failing test. The old policy goes "
          "on\n"
          "then. Flows that are no longer allowed end at once, the others go on.",
          "  sallyctl policy apply\n  sallyctl policy apply policy/\n"
          "  sallyctl policy apply policy/ --made-from $(sallyctl policy --json | jq -r .etag)",
          apply_options, run_policy_apply},
  };
  return list;
}

}  // namespace sallyport::ctl
