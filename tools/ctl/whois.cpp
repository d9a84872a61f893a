#include <array>
#include <ostream>

#include "config/base/ip.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/identity_text.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

std::string route_text(const Json& route) {
  if (!route.is_object()) return "none: packets to it are dropped";
  std::string text = text_field(route, "to");
  for (const char* key : {"peer", "tunnel", "port", "via"})
    if (const std::string name = text_field(route, key, ""); !name.empty())
      text += ", " + std::string(key) + ' ' + name;
  return text;
}

// Where an address is that no peer has.
std::string nobodys(const Json& route) {
  const std::string port = text_field(route, "port", "");
  return port.empty() ? "none" : "none: an address behind port " + port;
}

std::string or_none(const std::string& text) {
  return text.empty() ? "none" : text;
}

ExitCode run_whois(const Invocation& call) {
  if (!IpAddress::parse(call.arguments[0]))
    return usage_error(call.terminal, "whois", "expected an IP address, got '" + call.arguments[0] + "'");
  const auto answer = get(call, "/v1/whois?address=" + segment(call.arguments[0]));
  if (!answer) return answer.error();
  if (print_json(call, *answer)) return ExitCode::success;
  Table sheet({{""}, {""}});
  const auto line = [&](const char* label, std::string text) { sheet.add({label, std::move(text)}); };
  line("address", text_field(*answer, "address"));
  const std::string peer = text_field(*answer, "peer", "");
  line("peer", peer.empty() ? nobodys(field(*answer, "route")) : peer + ", tunnel " + text_field(*answer, "tunnel"));
  if (!peer.empty()) {
    line("identity", or_none(joined(list_field(*answer, "identities"))));
    line("tags", or_none(joined(list_field(*answer, "tags"))));
    line("claims", or_none(claims_text(field(*answer, "claims"))));
  }
  line("route", route_text(field(*answer, "route")));
  const Json& reachability = field(*answer, "reachability");
  line("reached",
       text_field(reachability, "sentence", text_field(reachability, "state", "unknown") == "ok" ? "yes" : "unknown"));
  line("services", or_none(joined(list_field(*answer, "services"))));
  line("rules in force", or_none(joined(list_field(*answer, "rules"))));
  sheet.print(call.terminal.out);
  return ExitCode::success;
}

}  // namespace

std::span<const Command> whois_commands() {
  static constexpr std::array list = {
      Command{"whois", "ADDRESS", 1, 1, "Whose address it is: peer, identity, services, route and rules", "",
              "  sallyctl whois 10.8.0.2", nullptr, run_whois},
  };
  return list;
}

}  // namespace sallyport::ctl
