#include <array>
#include <ostream>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

// "10.8.0.2:40000", "[fd08::2]:40000", or the address alone where a protocol has no ports.
std::string end_text(const Json& flow, const char* address_key, const char* port_key) {
  const std::string address = text_field(flow, address_key);
  const std::string protocol = text_field(flow, "protocol");
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return address;
  const std::string port = text_field(flow, port_key);
  return (address.find(':') == std::string::npos ? address : '[' + address + ']') + ':' + port;
}

std::uint64_t both_ways(const Json& flow, const char* key) {
  std::uint64_t sum = 0;
  for (const Json& one : list_field(flow, key)) sum += one.is_number_unsigned() ? one.get<std::uint64_t>() : 0;
  return sum;
}

std::string flow_verdict_text(const Json& flow) {
  std::string text = flag_field(flow, "allowed") ? "" : "DENIED ";
  text += text_field(flow, "rule", "(no rule)");
  if (const std::string audit = text_field(flow, "audit_rule", ""); !audit.empty()) text += ", audit " + audit;
  return text;
}

void print_flows(std::ostream& out, const Json& flows) {
  Table table({{"PROTOCOL"},
               {"FROM"},
               {"PEER"},
               {"TO"},
               {"PEER"},
               {"STATE"},
               {"AGE", right},
               {"IDLE", right},
               {"PACKETS", right},
               {"BYTES", right},
               {"RULE"}});
  for (const Json& flow : flows)
    table.add({text_field(flow, "protocol"), end_text(flow, "source", "source_port"),
               text_field(flow, "source_peer", "inside"), end_text(flow, "destination", "destination_port"),
               text_field(flow, "destination_peer", "inside"), text_field(flow, "tcp_state"),
               duration_text(number_field(flow, "age_s")), duration_text(number_field(flow, "idle_s")),
               std::to_string(both_ways(flow, "packets")), bytes_text(both_ways(flow, "bytes")),
               flow_verdict_text(flow)});
  table.print(out);
  if (table.empty()) out << "no flows\n";
}

ExitCode run_flows(const Invocation& call) {
  const auto count = number_option(call, "count", 1, 100'000);
  const auto port = number_option(call, "port", 1, 65'535);
  if (!count || !port) return usage_error(call.terminal, "flows", count ? port.error() : count.error());
  std::string target = "/v1/flows?most=" + std::to_string(count->value_or(1000));
  if (*port) target += "&port=" + std::to_string(**port);
  for (const char* name : {"peer", "address", "protocol", "rule"})
    if (call.has(name)) target += '&' + std::string(name) + '=' + segment(call.text(name));
  const auto answer = get(call, target);
  if (!answer) return answer.error();
  if (!print_json(call, *answer)) print_flows(call.terminal.out, list_field(*answer, "flows"));
  std::ostream& err = call.terminal.err;
  if (flag_field(*answer, "cut")) err << "there are more: --count, or ask for fewer with --peer, --address or --rule\n";
  if (const auto lost = number_field(*answer, "lost"); lost != 0)
    err << lost << " flows are left out: the gateway was faster than this program\n";
  const std::string error = text_field(*answer, "error", "");
  if (error.empty()) return ExitCode::success;
  err << "sallyctl flows: the list is not complete: " << printable(error) << '\n';
  return ExitCode::failed;
}

void flows_options(AddOptions add) {
  add("peer", word("NAME"), "only flows of this peer, at either end");
  add("address", word("A"), "only flows of this address or prefix, at either end");
  add("port", word("N"), "only flows with this port, at either end");
  add("protocol", word("P"), "tcp, udp, sctp, icmp, icmp6 or a number");
  add("rule", word("NAME"), "only flows that this rule decides, or would have denied (audit)");
  add("count,c", word("N"), "show at most so many; default 1000");
}

}  // namespace

std::span<const Command> flow_commands() {
  static constexpr std::array list = {
      Command{"flows", "", 0, 0, "Live flows, with the rule that decided each",
              "A flow is listed once, from the side that opened it; PACKETS and BYTES are those of both ways. One list "
              "at a\n"
              "time is made.",
              "  sallyctl flows --peer ann-laptop\n  sallyctl flows --address 10.20.0.0/24 --protocol tcp --port 8080\n"
              "  sallyctl flows --rule frontend-to-backend",
              flows_options, run_flows},
  };
  return list;
}

}  // namespace sallyport::ctl
