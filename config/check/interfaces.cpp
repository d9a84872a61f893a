#include <algorithm>
#include <limits>
#include <unordered_map>

#include "config/check/checks.hpp"
#include "config/limits.hpp"

namespace sallyport::config {
namespace {

// Ports may share a device when their VLANs tell their frames apart; what belongs to the device must then agree.
void check_shared_device(Draft& draft, std::size_t later, std::size_t earlier) {
  const Port& port = draft.config.ports[later];
  const Port& other = draft.config.ports[earlier];
  if (port.device.empty() || port.device_id() != other.device_id()) return;
  const std::string with = draft.describe({Kind::port, earlier});
  const auto refuse = [&](std::string_view key, const std::string& why) {
    draft.errors.add(draft.position_of({Kind::port, later}, key), std::string(key) + ": " + why);
  };
  const auto arguments = [](const Port& p) {
    return p.device.find(',') == std::string::npos ? "" : p.device.substr(p.device.find(','));
  };
  if (arguments(port) != arguments(other)) {
    refuse("device", "is that of " + with + " with other arguments");
  } else if (port.vlan == other.vlan) {
    refuse("device", "is that of " + with + " already; ports share a device only with different vlans");
  } else {
    if (port.rx_queues != other.rx_queues)
      refuse("rx_queues", "expected " + std::to_string(other.rx_queues) + ", as for " + with +
                              " on the same device, got " + std::to_string(port.rx_queues));
    if (port.mac != other.mac) refuse("mac", "expected the same as for " + with + ", which shares the device");
  }
}

void check_ports(Draft& draft) {
  for (std::size_t i = 0; i < draft.config.ports.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) check_shared_device(draft, i, j);
}

// UDP ports of the underlay: WireGuard's, IKE's, and those that the host wants.
void check_udp_ports(Draft& draft) {
  constexpr std::uint16_t ike_ports[] = {500, 4500};  // RFC 7296, section 2; RFC 3947
  std::unordered_map<std::uint16_t, std::string> taken;
  if (draft.config.ipsec)
    for (const std::uint16_t port : ike_ports) taken.emplace(port, "[ipsec]");
  const auto& wireguards = draft.config.wireguards;
  for (std::size_t i = 0; i < wireguards.size(); ++i) {
    if (wireguards[i].listen_port == 0) continue;
    const auto [first, is_new] = taken.emplace(wireguards[i].listen_port, draft.describe({Kind::wireguard, i}));
    if (!is_new)
      draft.errors.add(
          draft.position_of({Kind::wireguard, i}, "listen_port"),
          "listen_port: " + std::to_string(wireguards[i].listen_port) + " is that of " + first->second + " already");
  }
  for (std::size_t i = 0; i < draft.config.ports.size(); ++i) {
    const Port& port = draft.config.ports[i];
    if (port.role != PortRole::underlay) continue;
    for (const HostService& service : port.host) {
      const auto user = taken.find(service.port);
      if (service.protocol == HostProtocol::udp && user != taken.end())
        draft.errors.add(draft.position_of({Kind::port, i}, "host"),
                         "host: " + service.to_string() + " is that of " + user->second);
    }
  }
}

// The headers around an inner packet: outer IP, UDP, WireGuard's 16 bytes and its tag of 16 (white paper,
// section 5.4.6).
void check_mtus(Draft& draft) {
  constexpr unsigned overhead_v4 = 20 + 8 + 32, overhead_v6 = 40 + 8 + 32;
  unsigned fits = std::numeric_limits<unsigned>::max();
  for (const Port& port : draft.config.ports) {
    if (port.role != PortRole::underlay) continue;
    const bool has_v6 =
        std::any_of(port.addresses.begin(), port.addresses.end(), [](const auto& a) { return a.address.is_v6(); });
    fits = std::min(fits, port.mtu - (has_v6 ? overhead_v6 : overhead_v4));
  }
  for (std::size_t i = 0; i < draft.config.wireguards.size(); ++i)
    if (draft.config.wireguards[i].mtu > fits)
      draft.warnings.add(draft.position_of({Kind::wireguard, i}, "mtu"),
                         "mtu: " + std::to_string(draft.config.wireguards[i].mtu) +
                             " does not fit the underlay: more than " + std::to_string(fits) + " makes fragments");
}

void check_peers(Draft& draft) {
  const auto& peers = draft.config.peers;
  const std::uint32_t most = draft.config.dataplane.max_peers;
  if (peers.size() > most)
    draft.errors.add(draft.position_of({Kind::peer, most}), "peer: expected at most " + std::to_string(most) +
                                                                " ([dataplane] max_peers), got " +
                                                                std::to_string(peers.size()));
  for (std::size_t i = 0; i < draft.config.wireguards.size(); ++i) {
    const Wireguard& wireguard = draft.config.wireguards[i];
    if (wireguard.mtu >= limits::mtu_lowest_v6) continue;
    const auto carries_v6 = [&](const Peer& peer) {
      return peer.wireguard == wireguard.name && std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(),
                                                             [](const auto& p) { return p.address.is_v6(); });
    };
    if (const auto peer = std::find_if(peers.begin(), peers.end(), carries_v6); peer != peers.end())
      draft.errors.add(draft.position_of({Kind::wireguard, i}, "mtu"), "mtu: expected at least 1280, as peer '" +
                                                                           peer->name + "' has IPv6 addresses, got " +
                                                                           std::to_string(wireguard.mtu));
  }
}

void check_underlay(Draft& draft) {
  const auto& ports = draft.config.ports;
  if (std::any_of(ports.begin(), ports.end(), [](const Port& port) { return port.role == PortRole::underlay; })) return;
  if (ports.empty() || !draft.all_roles_known) return;  // reported
  if (!draft.config.wireguards.empty())
    draft.errors.add(draft.position_of({Kind::wireguard, 0}),
                     "wireguard: expected a [[port]] with role = \"underlay\", got none");
}

}  // namespace

void check_interfaces(Draft& draft) {
  check_ports(draft);
  check_underlay(draft);
  check_udp_ports(draft);
  check_mtus(draft);
  check_peers(draft);
}

}  // namespace sallyport::config
