// The life of sessions: installed by command, confirmed by their first packet, ended by time, replacement or command. A
// session that ended keeps its slot until no worker can still use it; then its keys are wiped, and the control plane
// hears that the index is free.
#pragma once

#include <cstdint>

#include "dataplane/abi/events.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/housekeeping/staging.hpp"
#include "dataplane/housekeeping/statistics_writer.hpp"

namespace sallyport::dataplane {

class SessionKeeper {
 public:
  SessionKeeper(HousekeepingContext& context, GatewayState& state, Paths& paths, Staging& staging,
                StatisticsWriter& statistics);

  // The payload passed abi::valid.
  [[nodiscard]] abi::Refusal install(const abi::InstallSession& install) noexcept;
  void retire(const abi::RetireSession& retire) noexcept;
  void end_all_of(std::uint32_t peer_id, abi::SessionEnd reason) noexcept;
  void end(std::uint32_t index, abi::SessionEnd reason) noexcept;
  // A worker saw the first authenticated packet of a session.
  void confirm(std::uint32_t index) noexcept;
  // Moves a session's replay window to another worker, without losing a packet or accepting one twice.
  void move_ownership(std::uint32_t index, std::uint16_t worker) noexcept;
  // A data message that came while its session was moving.
  void hold_for_owner(Packet* packet) noexcept;
  // Drops every packet that waits for an owner, counted: at the end of the process.
  void drop_all_held() noexcept;

  // Null if no live session has this index.
  [[nodiscard]] SessionRecord* find(std::uint32_t index) noexcept;
  void poll() noexcept;
  [[nodiscard]] std::uint32_t held_packets() const noexcept { return held_.size(); }

 private:
  void fill_slot(const abi::InstallSession& install, std::uint16_t owner) noexcept;
  [[nodiscard]] std::uint16_t first_owner(const abi::InstallSession& install, const PeerRecord& peer) const noexcept;
  void choose_send_session(std::uint32_t peer_id) noexcept;
  void reclaim(std::uint32_t slot) noexcept;
  void release_held() noexcept;

  struct Move {
    std::uint32_t index;
    std::uint16_t worker;
  };
  HousekeepingContext& context_;
  GatewayState& state_;
  Paths& paths_;
  Staging& staging_;
  StatisticsWriter& statistics_;
  GraceQueue<std::uint32_t> ending_;  // slots, each once
  GraceQueue<Move> moving_;
  WaitingPackets held_;
  WaitQueue held_queue_;
};

}  // namespace sallyport::dataplane
