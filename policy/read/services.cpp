// [service.NAME]
#include <algorithm>

#include "config/read/network_scalars.hpp"
#include "policy/keys.hpp"
#include "policy/limits.hpp"
#include "policy/ports.hpp"
#include "policy/read/draft.hpp"

namespace sallyport::policy {
namespace {

// "prod-eu/shop/backend", or any name.
Parsed<std::string> parse_endpoints(const TomlValue& value) {
  const auto wrong = [&] { return config::mismatch("CLUSTER/NAMESPACE/SERVICE, or a name", value); };
  const auto* text = value.as<std::string>();
  if (text == nullptr) return wrong();
  std::string_view rest = *text;
  std::size_t parts = 0;
  for (;; ++parts) {
    const auto slash = rest.find('/');
    if (!config::is_name(rest.substr(0, slash))) return wrong();
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (parts != 0 && parts != 2) return wrong();
  return *text;
}

void read_ports(Service& service, TableReader& reader) {
  auto ports = merged(config::values_of(
      reader.require_list("ports", {1, limits::written_ports}, text_by(parse_ports, "ports such as \"tcp/8080\""))));
  if (ports.size() > abi::max_service_ports)
    return reader.add_error("ports", "expected at most " + std::to_string(abi::max_service_ports) +
                                         " ports and ranges after adjacent ones are merged, got " +
                                         std::to_string(ports.size()));
  service.ports = std::move(ports);
}

void read_identities(Service& service, TableReader& reader) {
  service.identities = read_selectors(reader, "identities", {1, limits::members}, false);
  for (const Selector& identity : service.identities)
    if (identity.kind == SelectorKind::net)
      reader.add_error("identities", {identity.location.line, identity.location.column},
                       "expected a peer's identity, got \"" + identity.text + "\"; addresses belong to `prefixes`");
}

void read_service(Draft& draft, TableReader reader, const TomlEntry& entry) {
  Service& service = draft.services.emplace_back();
  service.location = reader.errors().locate(entry.position);
  service.name = entry.key;
  service.prefixes =
      config::values_of(reader.read_list("prefixes", {1, limits::service_prefixes}, config::parse_prefix));
  std::sort(service.prefixes.begin(), service.prefixes.end());
  service.prefixes.erase(std::unique(service.prefixes.begin(), service.prefixes.end()), service.prefixes.end());
  read_identities(service, reader);
  reader.read("endpoints", service.endpoints, parse_endpoints);
  read_ports(service, reader);
  if (!reader.has("prefixes") && !reader.has("identities") && !reader.has("endpoints"))
    reader.errors().add(reader.position(),
                        "service " + service.name + ": expected prefixes, identities or endpoints, got none of them");
}

}  // namespace

void read_services(Draft& draft, TableReader& top) {
  for (const TomlEntry* entry : read_named(top, "service", limits::services)) {
    if (const auto* table = entry->value.as<TomlTable>()) {
      read_service(draft, {*table, entry->value.position, keys::service, top.errors()}, *entry);
    } else {
      top.add_error("service", entry->value.position,
                    "expected a table, " + entry->key + " = { ... }, got " + entry->value.describe());
    }
  }
}

}  // namespace sallyport::policy
