#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
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

void describe_enrolments(AddOptions add) {
  add("state", word("STATE"), "only these: live, past or refused");
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

// A refused one has no identity that was proven: what it claimed is in the reason.
std::string why_text(const Json& one) {
  if (text_field(one, "state") != "refused") return text_field(one, "why");
  std::string text = text_field(one, "reason");
  if (const std::string detail = text_field(one, "detail", ""); !detail.empty()) text += ": " + detail;
  const auto times = number_field(one, "times");
  return times > 1 ? text + " (" + std::to_string(times) + " times)" : text;
}

ExitCode run_enrolments(const Invocation& call) {
  const std::string state = call.text("state");
  const auto answer = get(call, state.empty() ? "/v1/enrolments" : "/v1/enrolments?state=" + segment(state));
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table table({{"STATE"}, {"IDENTITY"}, {"PROOF"}, {"BEGAN"}, {"ENDS"}, {"PQ"}, {"FROM"}, {"WHY"}});
  const WallTime now = wall_now();
  for (const Json& one : list_field(*answer, "enrolments")) {
    const bool was_refused = text_field(one, "state") == "refused";
    const bool is_past = text_field(one, "state") == "past";
    table.add({text_field(one, "state"), text_field(one, "identity"), proof_text(one),
               distance_text(text_field(one, was_refused ? "at" : "enrolled_at"), now),
               was_refused ? "-" : distance_text(text_field(one, is_past ? "ended_at" : "expires_at"), now),
               was_refused                       ? "-"
               : flag_field(one, "post_quantum") ? "yes"
                                                 : "no",
               text_field(one, "source"), why_text(one)});
  }
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "nobody is, was or tried to be enrolled\n";
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
      Command{"enrolments", "", 0, 0,
              "Enrolments: live ones, those that ended and those that were refused, with the reason",
              "Of ended and refused ones the last 1,000, since the control plane started; the log has all of them. "
              "What is\n"
              "refused again for the same reason from the same address is one line.",
              "  sallyctl enrolments\n  sallyctl enrolments --state refused", describe_enrolments, run_enrolments},
      Command{"enrolled end", "ID", 1, 1, "End a tunnel by proof at once",
              "Its client may enrol again; 'sallyctl revoke' keeps it out.", "  sallyctl enrolled end 8d1f0c2b7a6e5d43",
              nullptr, run_end_session},
  };
  return list;
}

}  // namespace sallyport::ctl
