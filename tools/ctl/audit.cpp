#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

void print_change(std::ostream& out, const Json& change) {
  std::string line = text_field(change, "at") + "  ";
  line += flag_field(change, "applied") ? "generation " + text_field(change, "generation") : "REFUSED";
  line += ", by " + text_field(change, "by") + ", from " + text_field(change, "source");
  if (const std::string etag = text_field(change, "etag", ""); !etag.empty()) line += ", etag " + etag;
  if (const std::string commit = text_field(change, "git_commit", ""); !commit.empty())
    line += ", commit " + commit + " by " + text_field(change, "git_author", "nobody known");
  out << printable(line) << '\n';
  for (const Json& summary : list_field(change, "summary"))
    if (summary.is_string()) out << "    " << printable(summary.get<std::string>()) << '\n';
}

ExitCode run_audit(const Invocation& call) {
  const auto count = number_option(call, "count", 1, 10'000);
  if (!count) return usage_error(call.terminal, "audit", count.error());
  const auto changes = get(call, "/v1/audit?most=" + std::to_string(count->value_or(20)));
  if (!changes) return changes.error();
  if (print_json(call, *changes)) return ExitCode::success;
  for (const Json& change : *changes) print_change(call.terminal.out, change);
  if (changes->empty()) call.terminal.out << "the policy was never changed\n";
  return ExitCode::success;
}

void audit_options(AddOptions add) {
  add("count,c", word("N"), "show at most so many; default 20");
}

}  // namespace

std::span<const Command> audit_commands() {
  static constexpr std::array list = {
      Command{"audit", "", 0, 0, "Who changed the policy when, and what was refused", "Newest first.",
              "  sallyctl audit --count 5", audit_options, run_audit},
  };
  return list;
}

}  // namespace sallyport::ctl
