#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/key_material.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/times.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

constexpr const char* create_name = "enrolment-keys create";
constexpr std::uint64_t shortest_s = 60, longest_s = std::uint64_t{10} * 365 * 24 * 3600;
constexpr std::uint64_t default_expires_s = 24 * 3600, default_session_s = std::uint64_t{30} * 24 * 3600;
constexpr std::uint32_t most_uses = 1'000'000;

std::string uses_text(const Json& key) {
  const auto left = optional_number(key, "uses_left");
  return left ? std::to_string(*left) : "any";
}

std::string expiry_text(const Json& key, WallTime now) {
  if (flag_field(key, "revoked")) return "REVOKED";
  const auto at = parse_time(text_field(key, "expires", ""));
  if (!at) return "-";
  return (*at <= now ? "expired " : "") + distance_text(*at, now);
}

ExitCode run_enrolment_keys(const Invocation& call) {
  const auto answer = get(call, "/v1/enrolment-keys");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table table({{"ID"}, {"NAME"}, {"TAGS"}, {"USES LEFT", Table::Align::right}, {"EXPIRES"}, {"SESSION"}, {"BY"}});
  const WallTime now = wall_now();
  for (const Json& key : list_field(*answer, "enrolment_keys"))
    table.add({text_field(key, "id"), text_field(key, "name"), joined(list_field(key, "tags")), uses_text(key),
               expiry_text(key, now), duration_text(number_field(key, "session_s")), text_field(key, "by")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no enrolment keys\n";
  return ExitCode::success;
}

ExitCode run_create_enrolment_key(const Invocation& call) {
  const auto uses = number_option(call, "uses", 1, most_uses);
  if (!uses) return usage_error(call.terminal, create_name, uses.error());
  const auto expires = duration_option(call, "expires", shortest_s, longest_s);
  if (!expires) return usage_error(call.terminal, create_name, expires.error());
  const auto session = duration_option(call, "session", shortest_s, longest_s);
  if (!session) return usage_error(call.terminal, create_name, session.error());
  if (!is_name(call.arguments[0]))
    return usage_error(call.terminal, create_name, "expected a name, got '" + call.arguments[0] + "'");
  Json body = {{"name", call.arguments[0]},
               {"tags", list_option(call, "tag")},
               {"expires_in_s", expires->value_or(default_expires_s)},
               {"session_s", session->value_or(default_session_s)}};
  if (*uses) body["uses"] = **uses;
  const auto made = post(call, "/v1/enrolment-keys", to_text(body));
  if (!made) return made.error();
  warn_if_others_can_read(call.terminal);
  if (print_json(call, *made)) return ExitCode::success;
  // The secret alone on the output, for a file or a pipe.
  call.terminal.out << printable(text_field(*made, "secret")) << '\n';
  call.terminal.err << "enrolment key " << printable(text_field(*made, "id")) << ": its secret is shown this once\n";
  return ExitCode::success;
}

void create_key_options(AddOptions add) {
  add("tag", words("T"), "its machines get this tag; several are possible");
  add("uses", word("N"), "how many machines may enrol with it; default: any number");
  add("expires", word("DURATION"), "from then on it enrols nobody; default 24h");
  add("session", word("DURATION"), "how long a session of its machines lasts before it is renewed; default 30d");
}

}  // namespace

std::span<const Command> enrolment_key_commands() {
  static constexpr std::array list = {
      Command{"enrolment-keys", "", 0, 0, "Keys that machines without an identity provider enrol with",
              "'sallyctl revoke enrolment-key ID' ends one, and the sessions that it made.",
              "  sallyctl enrolment-keys", nullptr, run_enrolment_keys},
      Command{"enrolment-keys create", "NAME", 1, 1, "A new enrolment key; its secret is printed once",
              "The secret is the token of 'sallyctl enroll'. It alone is on the standard output.",
              "  (umask 077 && sallyctl enrolment-keys create ci-runners --tag ci --uses 10 --expires 24h > ci.token)",
              create_key_options, run_create_enrolment_key},
  };
  return list;
}

}  // namespace sallyport::ctl
