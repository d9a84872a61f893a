#include <ostream>

#include "config/base/ip.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"

namespace sallyport::ctl {
namespace {

std::string where_text(const Json& service) {
  std::string text = joined(list_field(service, "prefixes"));
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  };
  add(joined(list_field(service, "identities")));
  if (const std::string live = text_field(service, "endpoints", ""); !live.empty())
    add("live " + live + ": " + text_field(service, "live_addresses") + " addresses");
  return text;
}

}  // namespace

ExitCode run_services(const Invocation& call) {
  const auto services = get(call, "/v1/services");
  if (!services) return services.error();
  if (print_json(call, *services)) return ExitCode::success;
  Table table({{"SERVICE"}, {"PORTS"}, {"ADDRESSES"}, {"WHERE"}});
  for (const Json& service : *services)
    table.add({text_field(service, "name"), joined(list_field(service, "ports")), where_text(service),
               text_field(service, "file") + ':' + text_field(service, "line")});
  table.print(call.terminal.out);
  if (table.empty()) call.terminal.out << "no services\n";
  return ExitCode::success;
}

ExitCode run_set_endpoints(const Invocation& call) {
  const bool none = call.has("none");
  if (none != (call.arguments.size() == 1))
    return usage_error(call.terminal, "services set-endpoints", "expected addresses, or --none to have no address");
  Json endpoints = Json::array();
  for (std::size_t i = 1; i < call.arguments.size(); ++i) {
    const auto prefix = IpPrefix::parse(call.arguments[i]);
    if (!IpAddress::parse(call.arguments[i]) && (!prefix || prefix->has_host_bits()))
      return usage_error(call.terminal, "services set-endpoints",
                         "expected an address or a prefix without host bits, got '" + call.arguments[i] + "'");
    endpoints.push_back(call.arguments[i]);
  }
  const auto done = put(call, "/v1/services/" + segment(call.arguments[0]) + "/endpoints",
                        to_text({{"endpoints", std::move(endpoints)}}));
  if (!done) return done.error();
  if (!print_json(call, *done))
    call.terminal.out << printable(call.arguments[0]) << " has " << printable(text_field(*done, "endpoints"))
                      << " endpoints\n";
  return ExitCode::success;
}

}  // namespace sallyport::ctl
