#include <algorithm>
#include <array>
#include <ostream>

#include "config/toml/suggest.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

constexpr const char* revoke_command = "revoke";
constexpr std::array<std::string_view, 5> kinds = {"identity", "key", "issuer", "issuer-key", "enrolment-key"};

ExitCode list(const Invocation& call) {
  if (!call.arguments.empty() || call.has("take-back") || call.has("reason"))
    return usage_error(call.terminal, revoke_command, "--list stands alone");
  const auto answer = get(call, "/v1/revocations");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table table({{"KIND"}, {"VALUE"}, {"AT"}, {"BY"}, {"REASON"}});
  for (const Json& revocation : list_field(*answer, "revocations"))
    table.add({text_field(revocation, "kind"), text_field(revocation, "value"), text_field(revocation, "at"),
               text_field(revocation, "by"), text_field(revocation, "reason")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "nothing is revoked\n";
  return ExitCode::success;
}

ExitCode take_back(const Invocation& call, const std::string& kind, const std::string& value) {
  if (call.has("reason")) return usage_error(call.terminal, revoke_command, "--take-back keeps no reason");
  const auto done = remove(call, "/v1/revocations?kind=" + segment(kind) + "&value=" + segment(value));
  if (!done) return done.error();
  if (!print_json(call, *done))
    call.terminal.out << kind << ' ' << printable(value) << " may be used again; ended sessions do not come back\n";
  return ExitCode::success;
}

std::string count_text(std::uint64_t count, const char* one) {
  return std::to_string(count) + ' ' + one + (count == 1 ? "" : "s");
}

ExitCode revoke(const Invocation& call, const std::string& kind, const std::string& value) {
  Json body = {{"kind", kind}, {"value", value}};
  if (call.has("reason")) body["reason"] = call.text("reason");
  const auto done = post(call, "/v1/revocations", to_text(body));
  if (!done) return done.error();
  const bool stored = flag_field(*done, "stored");
  if (!print_json(call, *done))
    call.terminal.out << kind << ' ' << printable(value)
                      << " is revoked: " << count_text(number_field(*done, "sessions_ended"), "session") << " and "
                      << count_text(number_field(*done, "peers_ended"), "configured peer") << " ended\n";
  if (stored) return ExitCode::success;
  call.terminal.err << "sallyctl revoke: it is in force and NOT STORED: a restart of the gateway would forget it; see "
                       "its log\n";
  return ExitCode::failed;
}

ExitCode run_revoke(const Invocation& call) {
  if (call.has("list")) return list(call);
  if (call.arguments.size() != 2)
    return usage_error(call.terminal, revoke_command,
                       "expected identity, key, issuer, issuer-key or enrolment-key, and its value");
  const std::string& kind = call.arguments[0];
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
    return usage_error(call.terminal, revoke_command,
                       "expected identity, key, issuer, issuer-key or enrolment-key, got '" + kind + "'" +
                           config::did_you_mean(kind, kinds));
  return call.has("take-back") ? take_back(call, kind, call.arguments[1]) : revoke(call, kind, call.arguments[1]);
}

void revoke_options(AddOptions add) {
  add("reason", word("TEXT"), "why, for the list");
  add("list", "what is revoked");
  add("take-back", "allow it again");
}

}  // namespace

std::span<const Command> revoke_commands() {
  static constexpr std::array list = {
      Command{
          "revoke", "[KIND VALUE]", 0, 2, "Nobody gets or keeps a tunnel with this any more",
          "KIND is identity, key (a WireGuard public key), issuer (its name), issuer-key (ISSUER/KID) or "
          "enrolment-key\n"
          "(its ID).\n"
          "In force before it is answered, and answered when it is on disk: exit status 1 if it could not be stored.",
          "  sallyctl revoke identity user:corp/ann@example.com --reason 'laptop stolen'\n"
          "  sallyctl revoke issuer-key prod-eu/2026-03\n  sallyctl revoke --list\n"
          "  sallyctl revoke --take-back identity user:corp/ann@example.com",
          revoke_options, run_revoke},
  };
  return list;
}

}  // namespace sallyport::ctl
