#include "controlplane/api/diagnose/path_checks.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

// What a tunnel packet is longer by: IP header, UDP header, and the 32 bytes of a data message (WireGuard, 5.4.6).
constexpr unsigned overhead_v4 = 20 + 8 + 32;
constexpr unsigned overhead_v6 = 40 + 8 + 32;

}  // namespace

Check check_source(const SourceSeen& seen) {
  constexpr std::string_view name = "source";
  const std::string own =
      seen.addresses.empty() ? "it has no inner address" : "it may use " + first_few(seen.addresses);
  if (seen.addresses.empty())
    return {name, Result::failed, "the peer has no inner address: whatever it sends is dropped"};
  if (seen.foreign_packets == 0)
    return {name, Result::ok, own + ", and no packet came from an address that is not its sender's"};
  const std::string where = seen.port.empty() ? "" : " on port " + seen.port;
  return {name, Result::warning,
          counted(seen.foreign_packets, "packet") + " of some peer" + where +
              " came from an inner address that is not its sender's and were dropped: if they are this one's, " + own};
}

Check check_route(const RouteSeen& seen) {
  constexpr std::string_view name = "route";
  std::vector<std::string> routed;
  for (const RouteSeen::Address& address : seen.addresses) {
    const std::string prefix = address.prefix.to_string();
    if (!address.problem.empty())
      return {name, Result::failed, "there is no route to " + prefix + ": " + address.problem};
    if (!address.taken_by.empty())
      return {name, Result::failed, prefix + " does not lead to the peer: " + address.taken_by + " has it"};
    routed.push_back(prefix);
  }
  if (routed.empty()) return {name, Result::failed, "no address is routed to the peer"};
  for (const RouteSeen::Address& address : seen.addresses)
    if (!address.cut_by.empty())
      return {name, Result::warning,
              "a part of " + address.prefix.to_string() + " does not lead to the peer: " + address.cut_by + " has it"};
  return {name, Result::ok, first_few(routed) + (routed.size() == 1 ? " leads" : " lead") + " to the peer"};
}

Check check_mtu(const MtuSeen& seen) {
  constexpr std::string_view name = "mtu";
  const unsigned overhead = seen.outer_v6 ? overhead_v6 : overhead_v4;
  const std::string tunnel = "the mtu of " + seen.tunnel + " is " + std::to_string(seen.tunnel_mtu);
  if (seen.port_mtu != 0 && seen.tunnel_mtu + overhead > seen.port_mtu)
    return {name, seen.too_big > 0 ? Result::failed : Result::warning,
            tunnel + ", and with " + std::to_string(overhead) + " bytes of headers its longest packets do not fit " +
                "into the " + std::to_string(seen.port_mtu) + " of port " + seen.port + ": set it to " +
                std::to_string(seen.port_mtu > overhead ? seen.port_mtu - overhead : 0) + " or less"};
  if (seen.client_mtu && *seen.client_mtu > seen.tunnel_mtu)
    return {name, Result::warning,
            tunnel + ", and its client's end has " + std::to_string(*seen.client_mtu) +
                ": what comes that long may be too big on its way back"};
  if (seen.too_big > 0)
    return {name, Result::warning,
            tunnel + ", and " + counted(seen.too_big, "packet") +
                " of all peers did not fit: where ICMP is blocked, connections hang once they send much"};
  return {name, Result::ok, tunnel + ", and no packet was too big"};
}

}  // namespace sallyport::controlplane::diagnose
