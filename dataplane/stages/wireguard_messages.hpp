// WireGuard's part of stage 2: data messages go to the worker that owns their session, handshakes to housekeeping if
// their MACs say that they are for us. The WireGuard paper, sections 5.4 and 5.4.4.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

// Handshake messages of one burst, collected so that their MAC1s are checked several at a time.
struct HandshakeBurst {
  static constexpr unsigned capacity = 64;

  // Checks what is collected: MAC1 for all, MAC2 for those that pass. At the end of a burst.
  void finish(WorkerContext& worker) noexcept;

  std::array<Packet*, capacity> packets;
  std::array<const Tunnel*, capacity> tunnels;
  std::array<std::span<const std::uint8_t>, capacity> messages;
  unsigned count = 0;
};

// `packet` starts at the message, which came to the port of `tunnel`.
void classify_wireguard_message(WorkerContext& worker, Packet* packet, const Tunnel& tunnel,
                                HandshakeBurst& burst) noexcept;

}  // namespace sallyport::dataplane
