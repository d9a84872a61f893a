#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/times.hpp"

namespace sallyport::ctl {
namespace {

// What proved it: an issuer, or an enrolment key.
std::string proof_text(const Json& session) {
  if (const std::string issuer = text_field(session, "issuer", ""); !issuer.empty()) return issuer;
  const std::string key = text_field(session, "enrolment_key", "");
  return key.empty() ? "-" : "key " + key;
}

// Posture that has lapsed, or never came, is none.
std::string posture_text(const Json& session, WallTime now) {
  const Json& posture = field(session, "posture");
  if (!posture.is_object() || posture.empty()) return "-";
  const auto until = parse_time(text_field(session, "posture_until", ""));
  if (until && *until <= now) return "lapsed " + distance_text(*until, now);
  std::string text;
  for (const auto& [key, value] : posture.items()) {
    text += (text.empty() ? "" : ", ") + key + '=';
    text += value.is_string() ? value.get_ref<const std::string&>() : to_text(value);
  }
  return text;
}

ExitCode run_enrolled(const Invocation& call) {
  const auto answer = get(call, "/v1/enrolled");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table table({{"ID"},
               {"IDENTITY"},
               {"INSTANCE"},
               {"PROOF"},
               {"ADDRESSES"},
               {"EXPIRES"},
               {"RENEWED"},
               {"PQ"},
               {"POSTURE"},
               {"FROM"}});
  const WallTime now = wall_now();
  for (const Json& session : list_field(*answer, "sessions"))
    table.add({text_field(session, "id"), text_field(session, "identity"), text_field(session, "instance"),
               proof_text(session), joined(list_field(session, "addresses")),
               distance_text(text_field(session, "expires_at"), now),
               distance_text(text_field(session, "renewed_at"), now),
               flag_field(session, "post_quantum") ? "yes" : "no", posture_text(session, now),
               text_field(session, "source")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "nobody is enrolled\n";
  return ExitCode::success;
}

ExitCode run_end_session(const Invocation& call) {
  const auto ended = remove(call, "/v1/enrolled/" + segment(call.arguments[0]));
  if (!ended) return ended.error();
  if (!print_json(call, *ended))
    call.terminal.out << "session " << printable(call.arguments[0])
                      << " is ended; its client may enrol again: 'sallyctl revoke' keeps it out\n";
  return ExitCode::success;
}

}  // namespace

std::span<const Command> enrolled_commands() {
  static constexpr std::array list = {
      Command{
          "enrolled", "", 0, 0, "Tunnels by proof: who enrolled, with what, until when",
          "A session is a peer called enrolled-ID: 'peers' and 'diagnose' know it. WireGuard's own sessions are in\n"
          "'sessions'. PQ: the key exchange by which it got its preshared key is post-quantum, so what is recorded\n"
          "today stays secret.",
          "  sallyctl enrolled\n  sallyctl enrolled --json | jq '.sessions[].identity'", nullptr, run_enrolled},
      Command{"enrolled end", "ID", 1, 1, "End a tunnel by proof at once",
              "Its client may enrol again; 'sallyctl revoke' keeps it out.", "  sallyctl enrolled end 8d1f0c2b7a6e5d43",
              nullptr, run_end_session},
  };
  return list;
}

}  // namespace sallyport::ctl
