#include <ostream>

#include "tools/ctl/gateway.hpp"
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

}  // namespace

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

}  // namespace sallyport::ctl
