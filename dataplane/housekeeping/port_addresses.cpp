#include "dataplane/housekeeping/port_addresses.hpp"

#include <algorithm>

namespace sallyport::dataplane {
namespace {

bool is_link_local_v6(const IpAddress& address) noexcept {
  return address.is_v6() && address.is_link_local();
}

// The network address and the broadcast address of an IPv4 subnet name no host (RFC 1122 section 3.2.1.3); /31 and /32
// have none (RFC 3021).
bool is_subnet_broadcast(const IpPrefix& prefix, const IpAddress& address) noexcept {
  if (!address.is_v4() || prefix.length >= 31) return false;
  const auto host_bits = [&](unsigned byte) {
    const int network_bits = std::clamp<int>(prefix.length - static_cast<int>(byte) * 8, 0, 8);
    return static_cast<std::uint8_t>(0xffU >> network_bits);
  };
  bool all_zero = true, all_one = true;
  for (unsigned byte = 0; byte < 4; ++byte) {
    const std::uint8_t mask = host_bits(byte);
    all_zero = all_zero && (address.bytes[byte] & mask) == 0;
    all_one = all_one && (address.bytes[byte] & mask) == mask;
  }
  return all_zero || all_one;
}

}  // namespace

bool owns_address(const LogicalPort& port, const IpAddress& address) noexcept {
  if (port.link_local && *port.link_local == address) return true;
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const IpPrefix& own) { return own.address == address; });
}

bool any_port_owns(const PortTable& ports, const IpAddress& address) noexcept {
  return std::any_of(ports.ports().begin(), ports.ports().end(),
                     [&](const LogicalPort& port) { return owns_address(port, address); });
}

const IpPrefix* connected_prefix(const LogicalPort& port, const IpAddress& address) noexcept {
  const IpPrefix* longest = nullptr;
  for (const IpPrefix& own : port.addresses)
    if (own.contains(address) && (longest == nullptr || own.length > longest->length)) longest = &own;
  return longest;
}

bool is_on_link(const LogicalPort& port, const IpAddress& address) noexcept {
  if (!address.is_set() || address.is_multicast() || address.is_unspecified() || address.is_loopback()) return false;
  if (owns_address(port, address)) return false;
  if (is_link_local_v6(address)) return port.link_local.has_value();
  // Perhaps outside of every prefix, by `gateway_onlink`: the configuration was checked.
  if (std::find(port.gateways.begin(), port.gateways.end(), address) != port.gateways.end()) return true;
  const IpPrefix* prefix = connected_prefix(port, address);
  return prefix != nullptr && !is_subnet_broadcast(*prefix, address);
}

std::optional<IpAddress> source_for(const LogicalPort& port, const IpAddress& remote) noexcept {
  if (is_link_local_v6(remote)) return port.link_local;
  if (const IpPrefix* prefix = connected_prefix(port, remote)) return prefix->address;
  for (const IpPrefix& own : port.addresses)
    if (own.address.family == remote.family) return own.address;
  return std::nullopt;
}

}  // namespace sallyport::dataplane
