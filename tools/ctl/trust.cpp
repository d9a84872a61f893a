#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/times.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::int64_t warn_below_days = 30;

// "412 days left", "EXPIRED 3d 4h ago", ...
std::string validity_text(const Json& certificate, WallTime now) {
  const auto before = parse_time(text_field(certificate, "not_before", ""));
  const auto after = parse_time(text_field(certificate, "not_after", ""));
  if (!after) return "-";
  if (*after <= now) return "EXPIRED " + distance_text(*after, now);
  if (before && *before > now) return "NOT YET VALID: " + distance_text(*before, now);
  const std::int64_t left = std::chrono::floor<std::chrono::days>(*after - now).count();
  const std::string text = left == 0 ? distance_text(*after, now) : std::to_string(left) + " days left";
  return left < warn_below_days ? "SOON: " + text : text;
}

void add_source(Table& table, const Json& source, WallTime now) {
  const std::string issuer = text_field(source, "issuer");
  const std::string domain = text_field(source, "trust_domain", "");
  table.add({issuer, "source", text_field(source, "source") + (domain.empty() ? "" : " (trust domain " + domain + ')'),
             "read " + distance_text(text_field(source, "read_at", "never"), now)});
  for (const Json& key : list_field(source, "keys"))
    table.add({issuer, "key", text_field(key, "kid", "(no kid)"), text_field(key, "kind")});
  for (const Json& certificate : list_field(source, "certificates"))
    table.add({issuer, "certificate", text_field(certificate, "subject") + ", key " + text_field(certificate, "key_id"),
               validity_text(certificate, now)});
}

ExitCode run_trust(const Invocation& call) {
  const auto answer = get(call, "/v1/trust");
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  const WallTime now = wall_now();
  Table table({{"ISSUER"}, {"WHAT"}, {"NAME"}, {"STATE"}});
  for (const Json& source : list_field(*answer, "sources")) add_source(table, source, now);
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "nobody is trusted: the policy has no issuers\n";
  for (const Json& source : list_field(*answer, "sources"))
    if (const std::string problem = text_field(source, "problem", ""); !problem.empty())
      call.terminal.out << "PROBLEM: " << printable(text_field(source, "issuer")) << ": " << printable(problem) << '\n';
  return ExitCode::success;
}

}  // namespace

std::span<const Command> trust_commands() {
  static constexpr std::array list = {
      Command{"trust", "", 0, 0, "Whom the gateway believes: issuers, their keys and certificates, and problems",
              "SOON: a certificate with less than 30 days left.", "  sallyctl trust", nullptr, run_trust},
  };
  return list;
}

}  // namespace sallyport::ctl
