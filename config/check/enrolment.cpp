#include <algorithm>

#include "config/check/checks.hpp"
#include "config/limits.hpp"

namespace sallyport::config {
namespace {

template <typename Object>
std::optional<std::size_t> index_of(const std::vector<Object>& objects, const std::string& name) {
  const auto found = std::find_if(objects.begin(), objects.end(), [&](const auto& o) { return o.name == name; });
  if (found == objects.end()) return std::nullopt;
  return static_cast<std::size_t>(found - objects.begin());
}

bool has_family(const std::vector<IpPrefix>& prefixes, IpFamily family) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& p) { return p.address.family == family; });
}

// Two servers on one TCP port: the later one could not listen.
bool meet(const IpEndpoint& a, const IpEndpoint& b) {
  const bool same_address = a.address == b.address || a.address.is_unspecified() || b.address.is_unspecified();
  return a.port == b.port && same_address;
}

// An API on a port that DPDK owns is reached through the host interface, which carries only what `host` admits.
void check_listen(Draft& draft, const Enrolment& enrolment) {
  const IpEndpoint& listen = enrolment.listen;
  const auto refuse = [&](const std::string& why) {
    draft.errors.add(draft.position_of(draft.enrolment_table, "listen"), "listen: " + listen.to_string() + why);
  };
  const auto& metrics = draft.config.controlplane.metrics;
  if (metrics && meet(listen, *metrics))
    refuse(" is where metrics are served ([controlplane] metrics = \"" + metrics->to_string() + "\")");
  const Port* port = draft.config.port_with(listen.address);
  if (port == nullptr) return;
  const HostService needed{HostProtocol::tcp, listen.port};
  if (std::find(port->host.begin(), port->host.end(), needed) == port->host.end())
    refuse(" is on port '" + port->name + "', whose host key does not have \"" + needed.to_string() + '"');
}

// On a management network, or on every address, the API is not where tunnels arrive.
void check_default_endpoint(Draft& draft, const Enrolment& enrolment) {
  const auto& table = draft.enrolment_table;
  const bool is_said = table.value != nullptr && table.value->find("endpoint") != nullptr;
  const Port* port = draft.config.port_with(enrolment.listen.address);
  if (is_said || !draft.all_roles_known || (port != nullptr && port->role == PortRole::underlay)) return;
  draft.errors.add(table.at,
                   "missing key 'endpoint' in [enrolment]: expected the address or DNS name, and the port, of "
                   "the tunnel, which clients are told, as listen (" +
                       enrolment.listen.to_string() + ") is not on an underlay port");
}

// One of our own addresses as endpoint: tunnels arrive at underlay ports, at the UDP port of the interface.
void check_own_endpoint(Draft& draft, const Enrolment& enrolment) {
  if (!enrolment.endpoint || !enrolment.endpoint->literal || !draft.all_roles_known) return;
  const IpEndpoint& endpoint = *enrolment.endpoint->literal;
  const auto& all = draft.interface_addresses;
  const auto own =
      std::find_if(all.begin(), all.end(), [&](const auto& o) { return o.value.address == endpoint.address; });
  if (own == all.end()) return;
  const auto refuse = [&](const std::string& why) {
    draft.errors.add(draft.position_of(draft.enrolment_table, "endpoint"), "endpoint: " + why);
  };
  const Port* port = draft.config.port_with(endpoint.address);
  const auto wireguard = index_of(draft.config.wireguards, enrolment.wireguard);
  if (port == nullptr || port->role != PortRole::underlay) {
    refuse(endpoint.address.to_string() + " is an address of " + draft.describe(own->owner) +
           ", where no tunnels arrive");
  } else if (wireguard && draft.config.wireguards[*wireguard].listen_port != endpoint.port) {
    refuse("expected port " + std::to_string(draft.config.wireguards[*wireguard].listen_port) + ", that of " +
           draft.describe({Kind::wireguard, *wireguard}) + ", got " + std::to_string(endpoint.port));
  }
}

// What a pool gives must fit the interface, and be of use for the routes that clients are told.
void check_pool(Draft& draft, const Enrolment& enrolment) {
  const auto pool = index_of(draft.config.pools, enrolment.pool);
  const auto wireguard = index_of(draft.config.wireguards, enrolment.wireguard);
  if (!pool || !wireguard) return;  // reported
  const std::string name = "pool '" + enrolment.pool + '\'';
  const auto& prefixes = draft.config.pools[*pool].prefixes;
  const std::uint16_t mtu = draft.config.wireguards[*wireguard].mtu;
  if (mtu < limits::mtu_lowest_v6 && has_family(prefixes, IpFamily::v6))
    draft.errors.add(
        draft.position_of({Kind::wireguard, *wireguard}, "mtu"),
        "mtu: expected at least 1280, as " + name + " gives IPv6 addresses to its peers, got " + std::to_string(mtu));
  if (prefixes.empty()) return;  // reported
  for (const auto& [family, word] : {std::pair{IpFamily::v4, "IPv4"}, std::pair{IpFamily::v6, "IPv6"}})
    if (has_family(enrolment.routes, family) && !has_family(prefixes, family))
      draft.warnings.add(
          draft.position_of(draft.enrolment_table, "routes"),
          "routes: clients get no " + std::string(word) + " address to use them from, as " + name + " has none");
}

}  // namespace

void check_enrolment(Draft& draft) {
  if (!draft.config.enrolment) return;
  const Enrolment& enrolment = *draft.config.enrolment;
  if (enrolment.listen.is_set()) {
    check_listen(draft, enrolment);
    check_default_endpoint(draft, enrolment);
  }
  check_own_endpoint(draft, enrolment);
  check_pool(draft, enrolment);
}

}  // namespace sallyport::config
