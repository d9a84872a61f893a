// The tunnels: made, changed and removed by command, as a whole each time; the one that was there is freed when no
// worker can still read it. Also the secrets of their cookies.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/abi/commands.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/housekeeping/command_result.hpp"
#include "dataplane/housekeeping/held.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/housekeeping/route_keeper.hpp"
#include "dataplane/housekeeping/wireguard_cookies.hpp"

namespace sallyport::dataplane {

class TunnelKeeper {
 public:
  TunnelKeeper(HousekeepingContext& context, RouteKeeper& routes, Paths& paths);

  // The payloads passed abi::valid.
  [[nodiscard]] CommandResult set(const abi::SetTunnel& set, std::uint64_t sync_id) noexcept;
  [[nodiscard]] CommandResult remove(std::uint16_t tunnel_id) noexcept;
  void set_cookie_secrets(const abi::SetCookieSecrets& set) noexcept;
  // False: one of them could not go yet; try again.
  [[nodiscard]] bool remove_unnamed(std::uint64_t sync_id) noexcept;

  // A tunnel with peers cannot be removed.
  void add_peer(std::uint16_t tunnel_id) noexcept { ++peers_[tunnel_id]; }
  void remove_peer(std::uint16_t tunnel_id) noexcept { --peers_[tunnel_id]; }

  // Frees tunnels that are out of their grace period.
  void poll() noexcept;
  // Whether one more command finds room for the tunnels that it replaces.
  [[nodiscard]] bool has_room() const noexcept;

  [[nodiscard]] HeldTable held() const noexcept;

 private:
  [[nodiscard]] bool conflicts(const abi::SetTunnel& set) const noexcept;
  // Takes away the addresses of `before` that are not among `kept`. False: try again.
  [[nodiscard]] bool remove_addresses(const abi::SetTunnel& before, std::span<const IpPrefix> kept) noexcept;
  void replace(std::uint16_t tunnel_id, std::unique_ptr<Tunnel> tunnel) noexcept;
  [[nodiscard]] std::unique_ptr<Tunnel> make(const abi::SetTunnel& set) const noexcept;

  HousekeepingContext& context_;
  RouteKeeper& routes_;
  Paths& paths_;
  // By tunnel id.
  std::array<abi::SetTunnel, abi::max_tunnels> settings_{};
  std::array<std::uint64_t, abi::max_tunnels> sync_ids_{};
  std::array<std::uint32_t, abi::max_tunnels> peers_{};
  GraceQueue<Tunnel*> retired_;
  WireguardCookies cookies_;
};

}  // namespace sallyport::dataplane
