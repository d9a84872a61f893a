// Packets for peers without a usable session wait here, within a bound for each peer and for all, until a handshake
// completes or is given up; and keepalives, which need no packet at all. What waited is judged anew when it leaves: by
// then its right may be gone, or its address somebody else's.
#pragma once

#include <cstdint>

#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"

namespace sallyport::dataplane {

class Staging {
 public:
  static constexpr std::uint32_t max_per_peer = 128;  // MAX_STAGED_PACKETS of Linux
  static constexpr std::uint32_t max_in_all = 8192;
  static constexpr std::uint64_t patience_ns = 90 * second_ns;  // as long as a handshake is tried

  Staging(HousekeepingContext& context, GatewayState& state) : context_(context), state_(state), packets_(max_in_all) {}

  // Task::stage. Asks for a session; sends at once if one has come in the meantime.
  void handle(Packet* packet) noexcept;
  // Sends what waits for a peer. False if nothing did.
  bool flush(std::uint32_t peer_id) noexcept;
  void drop_all(std::uint32_t peer_id, DropReason reason) noexcept;
  // Gives up on what waited for longer than a handshake is tried.
  void expire(std::uint32_t peer_id) noexcept;
  // An empty packet on the current session, if there is one.
  void send_keepalive(std::uint32_t peer_id) noexcept;
  // Tells the control plane that a session is wanted, at most once a second for each peer.
  void want_session(std::uint32_t peer_id) noexcept;

  [[nodiscard]] std::uint32_t held_packets() const noexcept { return packets_.size(); }

 private:
  [[nodiscard]] bool has_session(std::uint32_t peer_id) const noexcept;
  void send(Packet* packet, std::uint32_t peer_id) noexcept;

  HousekeepingContext& context_;
  GatewayState& state_;
  WaitingPackets packets_;
};

}  // namespace sallyport::dataplane
