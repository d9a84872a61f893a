#include "dataplane/session/tunnel_table.hpp"

namespace sallyport::dataplane {
namespace {

void store_byte(std::uint8_t& byte, std::uint8_t value) noexcept {
  std::atomic_ref(byte).store(value, std::memory_order_relaxed);
}

}  // namespace

std::unique_ptr<Tunnel> TunnelTable::replace(std::uint16_t tunnel_id, std::unique_ptr<Tunnel> tunnel) noexcept {
  const std::uint16_t new_port = tunnel ? tunnel->listen_port : 0;
  Tunnel* added = tunnel.release();
  std::unique_ptr<Tunnel> removed(tunnels_[tunnel_id].exchange(added, std::memory_order_acq_rel));
  if (removed && removed->listen_port != new_port) store_byte(by_listen_port_[removed->listen_port], no_tunnel);
  if (added != nullptr) store_byte(by_listen_port_[new_port], static_cast<std::uint8_t>(tunnel_id));
  return removed;
}

bool TunnelTable::owns_address(const IpAddress& address, std::uint16_t except) const noexcept {
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id) {
    const Tunnel* tunnel = id != except ? find(id) : nullptr;
    if (tunnel == nullptr) continue;
    for (unsigned i = 0; i < tunnel->address_count; ++i)
      if (tunnel->addresses[i].address == address) return true;
  }
  return false;
}

}  // namespace sallyport::dataplane
