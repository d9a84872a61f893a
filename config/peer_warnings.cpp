#include "config/peer_warnings.hpp"

#include <algorithm>

namespace sallyport::config {
namespace {

bool is_underlay(const Config& base, const std::string& port) {
  return std::any_of(base.ports.begin(), base.ports.end(),
                     [&](const Port& one) { return one.name == port && one.role == PortRole::underlay; });
}

bool leads_to(const Port& port, const IpAddress& address) {
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const IpPrefix& own) { return own.contains(address); }) ||
         std::any_of(port.gateway.begin(), port.gateway.end(),
                     [&](const IpAddress& gateway) { return gateway.family == address.family; });
}

}  // namespace

std::optional<std::string> endpoint_warning(const Config& base, const IpAddress& endpoint) {
  bool has_underlay = false, has_family = false;
  for (const Port& port : base.ports) {
    if (port.role != PortRole::underlay) continue;
    has_underlay = true;
    if (leads_to(port, endpoint)) return std::nullopt;
    has_family = has_family || std::any_of(port.addresses.begin(), port.addresses.end(),
                                           [&](const IpPrefix& own) { return own.address.family == endpoint.family; });
  }
  for (const Route& route : base.routes)
    if (route.to.contains(endpoint) && is_underlay(base, route.port)) return std::nullopt;
  if (!has_underlay) return std::nullopt;  // an error by itself
  const std::string family = endpoint.is_v4() ? "IPv4" : "IPv6";
  const std::string who = "endpoint: the gateway cannot call " + endpoint.to_string() + ": ";
  if (!has_family) return who + "expected an underlay port with an " + family + " address, there is none";
  return who + "expected a connected prefix, a gateway or a [[route]] of an underlay port that leads there";
}

std::optional<std::string> address_warning(const Config& base, const IpPrefix& allowed_ip) {
  for (const Port& port : base.ports) {
    if (port.role != PortRole::inside) continue;
    for (const IpPrefix& own : port.addresses)
      if (own.length < allowed_ip.length && own.contains(allowed_ip.address))
        return "allowed_ips: " + allowed_ip.to_string() + " lies inside " + own.network().to_string() +
               " of inside port '" + port.name +
               "': its hosts look for it on their own link, where nobody answers; expected a prefix outside of it";
  }
  return std::nullopt;
}

std::vector<std::string> peer_warnings(const Config& base, const Peer& peer) {
  std::vector<std::string> lines;
  const auto add = [&](std::optional<std::string> warning) {
    if (warning) lines.push_back(to_string({peer.location, std::move(*warning)}));
  };
  if (peer.endpoint && peer.endpoint->literal) add(endpoint_warning(base, peer.endpoint->literal->address));
  for (const IpPrefix& prefix : peer.allowed_ips) add(address_warning(base, prefix));
  return lines;
}

}  // namespace sallyport::config
