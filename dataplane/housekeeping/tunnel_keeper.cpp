#include "dataplane/housekeeping/tunnel_keeper.hpp"

#include <algorithm>

#include "dataplane/abi/digest.hpp"
#include "dataplane/housekeeping/port_addresses.hpp"
#include "dataplane/packet/wireguard.hpp"

namespace sallyport::dataplane {
namespace {

constexpr std::size_t max_retired_tunnels = 1024;

std::span<const IpPrefix> addresses_of(const abi::SetTunnel& tunnel) noexcept {
  return {tunnel.addresses.data(), tunnel.address_count};
}

std::uint16_t overhead_of(abi::TunnelProtocol protocol) noexcept {
  switch (protocol) {
    case abi::TunnelProtocol::wireguard:
      return wireguard_data_overhead_bytes;
  }
  return 0;
}

}  // namespace

TunnelKeeper::TunnelKeeper(HousekeepingContext& context, RouteKeeper& routes, Paths& paths)
    : context_(context), routes_(routes), paths_(paths), retired_(context.tables.rcu, max_retired_tunnels) {}

CommandResult TunnelKeeper::set(const abi::SetTunnel& set, std::uint64_t sync_id) noexcept {
  if (conflicts(set)) return abi::Refusal::conflict;
  const abi::SetTunnel before = settings_[set.tunnel_id];
  const bool existed = context_.tables.tunnels.find(set.tunnel_id) != nullptr;
  for (const IpPrefix& prefix : addresses_of(set))
    if (const CommandResult result = routes_.set_own_address(prefix.address); !result.is_done()) return result;
  if (existed && !remove_addresses(before, addresses_of(set))) return CommandResult::again();
  settings_[set.tunnel_id] = set;
  sync_ids_[set.tunnel_id] = sync_id;
  replace(set.tunnel_id, make(set));
  if (existed &&
      (before.listen_port != set.listen_port || before.mtu != set.mtu || before.udp_checksum != set.udp_checksum))
    paths_.refresh_all();
  return abi::Refusal::none;
}

bool TunnelKeeper::conflicts(const abi::SetTunnel& set) const noexcept {
  const TunnelTable& tunnels = context_.tables.tunnels;
  const std::uint8_t port_owner = tunnels.owner_of_port(set.listen_port);
  if (port_owner != TunnelTable::no_tunnel && port_owner != set.tunnel_id) return true;
  const auto addresses = addresses_of(set);
  return std::any_of(addresses.begin(), addresses.end(), [&](const IpPrefix& prefix) {
    return tunnels.owns_address(prefix.address, set.tunnel_id) || any_port_owns(context_.tables.ports, prefix.address);
  });
}

bool TunnelKeeper::remove_addresses(const abi::SetTunnel& before, std::span<const IpPrefix> kept) noexcept {
  bool all = true;
  for (const IpPrefix& old : addresses_of(before)) {
    const bool stays =
        std::any_of(kept.begin(), kept.end(), [&](const IpPrefix& prefix) { return prefix.address == old.address; });
    if (!stays) all &= !routes_.remove_own_address(old.address).asks_again();
  }
  return all;
}

CommandResult TunnelKeeper::remove(std::uint16_t tunnel_id) noexcept {
  if (context_.tables.tunnels.find(tunnel_id) == nullptr) return abi::Refusal::none;
  if (peers_[tunnel_id] != 0) return abi::Refusal::tunnel_in_use;
  if (!remove_addresses(settings_[tunnel_id], {})) return CommandResult::again();
  replace(tunnel_id, nullptr);
  return abi::Refusal::none;
}

bool TunnelKeeper::remove_unnamed(std::uint64_t sync_id) noexcept {
  bool all = true;
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id)
    if (sync_ids_[id] != sync_id) all &= !remove(id).asks_again();
  return all;
}

void TunnelKeeper::set_cookie_secrets(const abi::SetCookieSecrets& set) noexcept {
  cookies_.set(set);
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id)
    if (context_.tables.tunnels.find(id) != nullptr) replace(id, make(settings_[id]));
}

std::unique_ptr<Tunnel> TunnelKeeper::make(const abi::SetTunnel& set) const noexcept {
  return std::unique_ptr<Tunnel>(new Tunnel{
      .tunnel_id = set.tunnel_id,
      .listen_port = set.listen_port,
      .mtu = set.mtu,
      .mss_clamp = set.mss_clamp != 0,
      .udp_checksum = set.udp_checksum != 0,
      .protocol = set.protocol,
      .overhead_bytes = overhead_of(set.protocol),
      .address_count = set.address_count,
      .addresses = set.addresses,
      .wireguard = cookies_.tunnel(set.wireguard.public_key),
  });
}

void TunnelKeeper::replace(std::uint16_t tunnel_id, std::unique_ptr<Tunnel> tunnel) noexcept {
  if (auto before = context_.tables.tunnels.replace(tunnel_id, std::move(tunnel))) retired_.retire(before.release());
}

void TunnelKeeper::poll() noexcept {
  retired_.poll(max_retired_tunnels, [](Tunnel* tunnel) { delete tunnel; });
}

bool TunnelKeeper::has_room() const noexcept {
  return retired_.size() + abi::max_tunnels < max_retired_tunnels;
}

HeldTable TunnelKeeper::held() const noexcept {
  HeldTable held;
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id) {
    if (context_.tables.tunnels.find(id) == nullptr) continue;
    ++held.count;
    held.digest += abi::digest_of(settings_[id]);
  }
  return held;
}

}  // namespace sallyport::dataplane
