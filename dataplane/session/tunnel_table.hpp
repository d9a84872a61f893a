// The tunnel interfaces. Workers find one by the UDP port that a packet came to; housekeeping owns them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/session/wireguard_tunnel.hpp"

namespace sallyport::dataplane {

// A tunnel as workers see it: replaced as a whole, freed after a grace period.
struct Tunnel {
  std::uint16_t tunnel_id;
  std::uint16_t listen_port;
  std::uint16_t mtu;
  bool mss_clamp;
  bool udp_checksum;  // of outer IPv4 packets
  abi::TunnelProtocol protocol;
  std::uint16_t overhead_bytes;  // what sealing adds to an inner packet, padding and outer headers apart
  std::uint8_t address_count;
  std::array<IpPrefix, abi::max_addresses> addresses;
  WireguardTunnel wireguard;
};

class TunnelTable {
 public:
  static constexpr std::uint8_t no_tunnel = 0xff;

  TunnelTable() noexcept { by_listen_port_.fill(no_tunnel); }
  ~TunnelTable() {
    for (auto& tunnel : tunnels_) delete tunnel.load(std::memory_order_relaxed);
  }
  TunnelTable(const TunnelTable&) = delete;
  TunnelTable& operator=(const TunnelTable&) = delete;

  // Workers. Acquire: the tunnel was complete before it was published.
  [[nodiscard]] const Tunnel* find(std::uint16_t tunnel_id) const noexcept {
    return tunnel_id < abi::max_tunnels ? tunnels_[tunnel_id].load(std::memory_order_acquire) : nullptr;
  }
  [[nodiscard]] const Tunnel* find_by_listen_port(std::uint16_t port) const noexcept {
    // Relaxed would do for the byte itself: a stale one finds another tunnel or none, and find() is checked by its
    // port.
    const std::uint8_t tunnel_id =
        std::atomic_ref(const_cast<std::uint8_t&>(by_listen_port_[port])).load(std::memory_order_relaxed);
    if (tunnel_id == no_tunnel) return nullptr;
    const Tunnel* tunnel = find(tunnel_id);
    return tunnel != nullptr && tunnel->listen_port == port ? tunnel : nullptr;
  }

  // Housekeeping. Publishes `tunnel` (or none) under its id and returns what was there, to be freed after a grace
  // period.
  [[nodiscard]] std::unique_ptr<Tunnel> replace(std::uint16_t tunnel_id, std::unique_ptr<Tunnel> tunnel) noexcept;
  [[nodiscard]] std::uint8_t owner_of_port(std::uint16_t port) const noexcept { return by_listen_port_[port]; }
  // Whether a tunnel other than `except` has this address of its own.
  [[nodiscard]] bool owns_address(const IpAddress& address, std::uint16_t except = abi::max_tunnels) const noexcept;

 private:
  std::array<std::atomic<Tunnel*>, abi::max_tunnels> tunnels_{};
  std::array<std::uint8_t, 65536> by_listen_port_;
};

}  // namespace sallyport::dataplane
