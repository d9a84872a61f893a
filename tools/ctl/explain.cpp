#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

struct Service {
  std::string protocol, port;
};

// "tcp 443" or "tcp/443".
Service read_service(const std::vector<std::string>& arguments) {
  if (arguments.size() > 3) return {arguments[2], arguments[3]};
  const std::size_t slash = arguments[2].find('/');
  if (slash == std::string::npos || arguments[2].starts_with("proto/")) return {arguments[2], ""};
  return {arguments[2].substr(0, slash), arguments[2].substr(slash + 1)};
}

std::string who_text(const Json& party) {
  std::string text = text_field(party, "text");
  std::string known;
  const auto add = [&](const std::string& part) {
    if (!part.empty() && part != text) known += (known.empty() ? "" : ", ") + part;
  };
  const std::string peer = text_field(party, "peer", "");
  add(peer.empty() || peer == text ? "" : "peer " + peer);
  add(joined(list_field(party, "identities")));
  const std::string tags = joined(list_field(party, "tags"));
  add(tags.empty() ? "" : "tags " + tags);
  add(text_field(party, "address", ""));
  add(text_field(party, "note", ""));
  return text + (known.empty() ? "" : " (" + known + ')');
}

std::string rule_text(const Json& rule) {
  return "rule '" + text_field(rule, "name") + "' (" + text_field(rule, "file") + ':' + text_field(rule, "line") + ')';
}

std::string verdict_text(const Json& answer) {
  const bool allowed = flag_field(answer, "allowed");
  const Json& rule = field(answer, "rule");
  if (rule.is_object()) return (allowed ? "ALLOWED by " : "DENIED by ") + rule_text(rule);
  return allowed ? "ALLOWED" : "DENIED: no rule allows it";
}

void print_list(std::ostream& out, const char* title, const Json& list) {
  if (!list.empty()) out << '\n' << title << '\n';
  for (const Json& line : list)
    if (line.is_string()) out << "  - " << printable(line.get<std::string>()) << '\n';
}

void print_answer(std::ostream& out, const Json& answer) {
  const std::string port = text_field(answer, "port", "");
  Table sheet({{""}, {""}});
  sheet.add({"from", who_text(field(answer, "source"))});
  sheet.add({"to", who_text(field(answer, "destination"))});
  sheet.add({"service", text_field(answer, "protocol") + (port.empty() ? "" : '/' + port)});
  sheet.add({"at", text_field(answer, "at")});
  sheet.print(out);
  out << '\n' << printable(verdict_text(answer)) << '\n';
  if (const Json& audit = field(answer, "audit_rule"); audit.is_object())
    out << "audit: " << printable(rule_text(audit)) << " would deny it\n";
  for (const char* party : {"source", "destination"}) {
    const std::string sentence = text_field(field(field(answer, party), "reachability"), "sentence", "");
    if (!sentence.empty()) out << "but: " << printable(sentence) << '\n';
  }
  const std::string services = joined(list_field(answer, "services"));
  const std::string others = joined(list_field(answer, "other_services"));
  if (!services.empty()) out << "matching services: " << printable(services) << '\n';
  if (!others.empty()) out << "services of this destination with other ports: " << printable(others) << '\n';
  const Json& considered = list_field(answer, "considered");
  if (!considered.empty()) out << "\nrules that match and do not decide:\n";
  Table table({{""}, {""}, {""}});
  for (const Json& rule : considered)
    table.add({"  " + text_field(rule, "rule"), text_field(rule, "file") + ':' + text_field(rule, "line"),
               text_field(rule, "why_not")});
  table.print(out);
  if (const auto total = number_field(answer, "considered_total"); total > considered.size())
    out << "  and " << total - considered.size() << " more\n";
  print_list(out, flag_field(answer, "allowed") ? "note:" : "to change that:", list_field(answer, "hints"));
}

ExitCode run_explain(const Invocation& call) {
  const Service service = read_service(call.arguments);
  std::string target = "/v1/explain?source=" + segment(call.arguments[0]) +
                       "&destination=" + segment(call.arguments[1]) + "&protocol=" + segment(service.protocol);
  if (!service.port.empty()) target += "&port=" + segment(service.port);
  if (call.has("at")) target += "&at=" + segment(call.text("at"));
  const auto answer = get(call, target);
  if (!answer) return answer.error();
  if (!print_json(call, *answer)) print_answer(call.terminal.out, *answer);
  return ExitCode::success;
}

void explain_options(AddOptions add) {
  add("at", word("TIME"), "at this time, like 2026-11-23T09:00:00Z; default: now");
}

}  // namespace

std::span<const Command> explain_commands() {
  static constexpr std::array list = {
      Command{
          "explain", "SRC DST PROTO [PORT]", 3, 4,
          "Whether a flow is allowed, by which rule, and what would change that",
          "SRC is an address, a peer's name or an identity (user:..., sa:..., spiffe://..., ike:..., also tag:... and\n"
          "net:...); DST an address, a peer, an identity or a service, of which one address is taken.",
          "  sallyctl explain user:corp/ann@example.com payments-db tcp 5432\n"
          "  sallyctl explain ann-laptop 10.20.0.7 tcp/8080\n"
          "  sallyctl explain 10.8.0.2 10.0.0.53 udp 53 --at 2026-11-23T09:00:00Z\n"
          "  sallyctl explain ann-laptop 10.20.0.7 icmp",
          explain_options, run_explain},
  };
  return list;
}

}  // namespace sallyport::ctl
