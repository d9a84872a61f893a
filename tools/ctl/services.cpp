#include <array>
#include <ostream>

#include "config/base/ip.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"
#include "tools/ctl/safe_output.hpp"
#include "tools/ctl/table.hpp"
#include "tools/ctl/units.hpp"

namespace sallyport::ctl {
namespace {

constexpr unsigned most_endpoints = 65'536;
constexpr std::size_t most_addresses_shown = 4;

std::string live_text(const Json& service) {
  const Json& addresses = list_field(service, "addresses");
  const std::uint64_t all = number_field(service, "live_addresses");
  if (addresses.empty()) return std::to_string(all) + " addresses";
  std::string text;
  for (std::size_t i = 0; i < addresses.size() && i < most_addresses_shown; ++i)
    text += (i == 0 ? "" : ", ") + printable(addresses[i].is_string() ? addresses[i].get<std::string>() : "?");
  return all > most_addresses_shown ? text + " and " + std::to_string(all - most_addresses_shown) + " more" : text;
}

std::string where_text(const Json& service) {
  std::string text = joined(list_field(service, "prefixes"));
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  };
  add(joined(list_field(service, "identities")));
  if (const std::string live = text_field(service, "endpoints", ""); !live.empty())
    add("live " + live + ": " + live_text(service));
  return text;
}

// Who says where a live service is: "cluster prod-eu", "api", "stored" (what was known before the last start).
std::string endpoints_source_text(const Json& service) {
  const Json& source = field(service, "source");
  const std::string cluster = text_field(source, "cluster", "");
  return text_field(source, "kind") + (cluster.empty() ? "" : ' ' + cluster);
}

std::string age_text(const Json& service) {
  const auto age = optional_number(field(service, "source"), "age_s");
  return age ? duration_text(*age) : "-";
}

std::string stale_text(const Json& service) {
  const Json& source = field(service, "source");
  return !source.is_object() ? "-" : flag_field(source, "stale") ? "STALE" : "no";
}

std::string draining_text(const Json& service) {
  const Json& draining = list_field(service, "draining");
  return draining.empty() ? "-" : joined(draining);
}

ExitCode run_services(const Invocation& call) {
  const auto services = get(call, "/v1/services");
  if (!services) return services.error();
  if (print_json(call, *services)) return ExitCode::success;
  Table table({{"SERVICE"},
               {"PORTS"},
               {"ADDRESSES"},
               {"SOURCE"},
               {"AGE", Table::Align::right},
               {"STALE"},
               {"DRAINING"},
               {"WHERE"}});
  for (const Json& service : *services)
    table.add({text_field(service, "name"), joined(list_field(service, "ports")), where_text(service),
               endpoints_source_text(service), age_text(service), stale_text(service), draining_text(service),
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

void endpoints_options(AddOptions add) {
  add("none", "the service has no address any more");
}

}  // namespace

std::span<const Command> service_commands() {
  static constexpr std::array list = {
      Command{
          "services", "", 0, 0, "The services of the policy, with their addresses and where those come from",
          "SOURCE is who says where a live service is, AGE how long ago it was heard of. STALE: no news for so long "
          "that\nthe addresses may be wrong. DRAINING: flows to them go on, new ones do not begin.",
          "  sallyctl services", nullptr, run_services},
      Command{
          "services set-endpoints", "NAME [ADDRESS...]", 1, most_endpoints + 1,
          "Replace the addresses of a live service",
          "For a service with 'endpoints' in the policy. Addresses or prefixes; they survive a restart of the gateway.",
          "  sallyctl services set-endpoints backend 10.20.0.5 10.21.0.0/24\n  sallyctl services set-endpoints backend "
          "--none",
          endpoints_options, run_set_endpoints},
  };
  return list;
}

}  // namespace sallyport::ctl
