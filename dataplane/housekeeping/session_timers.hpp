// The slow timers of peers and sessions, one pass over all live peers every 250 ms: passive and persistent keepalives,
// "rekey wanted", expiry, staged packets that waited too long, and the move of a session to the worker that receives
// its packets. When what is due is said by the rules that came with the session. Each pass also writes the peers' and
// sessions' status records.
#pragma once

#include <cstdint>

#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/session_keeper.hpp"
#include "dataplane/housekeeping/staging.hpp"
#include "dataplane/housekeeping/statistics_writer.hpp"

namespace sallyport::dataplane {

class SessionTimers {
 public:
  static constexpr std::uint64_t pass_interval_ns = 250 * millisecond_ns;

  SessionTimers(HousekeepingContext& context, GatewayState& state, SessionKeeper& sessions, Staging& staging,
                StatisticsWriter& statistics)
      : context_(context), state_(state), sessions_(sessions), staging_(staging), statistics_(statistics) {}

  // A bounded share of the pass.
  void poll() noexcept;
  // A new control plane knows nothing of what was wanted before it came.
  void raise_all_again() noexcept;

 private:
  void visit(std::uint32_t peer_id) noexcept;
  void note_traffic(PeerRecord& peer, std::uint32_t index) noexcept;
  void expire(std::uint32_t index) noexcept;
  void want_rekey(SessionRecord& session, abi::RekeyReason reason, bool again) noexcept;
  void check_rekey(PeerRecord& peer) noexcept;
  void check_keepalive(PeerRecord& peer, std::uint32_t peer_id) noexcept;
  void check_owner(std::uint32_t index) noexcept;

  HousekeepingContext& context_;
  GatewayState& state_;
  SessionKeeper& sessions_;
  Staging& staging_;
  StatisticsWriter& statistics_;
  std::uint64_t pass_started_at_ns_ = 0;
  std::size_t position_ = 0;
  bool in_pass_ = false;
  // The latest stamps of the peer that is being visited, over its sessions.
  std::uint64_t data_received_ns_ = 0;
  std::uint64_t data_sent_ns_ = 0;
};

}  // namespace sallyport::dataplane
