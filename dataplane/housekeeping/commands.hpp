// Applies the commands of the control plane, in their order: checks every value, gives each to whom it concerns, and
// answers what is refused with an event. Between begin_sync and end_sync the control plane names everything that shall
// exist; what it did not name is removed at the end.
#pragma once

#include <cstdint>

#include "dataplane/abi/validate.hpp"
#include "dataplane/housekeeping/capture_control.hpp"
#include "dataplane/housekeeping/command_result.hpp"
#include "dataplane/housekeeping/flow_keeper.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/packets_down.hpp"
#include "dataplane/housekeeping/peer_keeper.hpp"
#include "dataplane/housekeeping/policy_keeper.hpp"
#include "dataplane/housekeeping/route_keeper.hpp"
#include "dataplane/housekeeping/session_keeper.hpp"
#include "dataplane/housekeeping/tunnel_keeper.hpp"

namespace sallyport::dataplane {

class Commands {
 public:
  struct Parts {
    HousekeepingContext& context;
    abi::StatisticsHeader& header;
    TunnelKeeper& tunnels;
    PeerKeeper& peers;
    RouteKeeper& routes;
    SessionKeeper& sessions;
    PacketsDown& packets_down;
    CaptureControl& capture;
    PolicyKeeper& policy;
    FlowKeeper& flows;
  };
  Commands(const Parts& parts, const abi::CommandLimits& limits) noexcept : parts_(parts), limits_(limits) {}

  // Applies a bounded number; true if it did anything.
  bool poll() noexcept;
  // A new connection starts to count from 1.
  void on_new_link() noexcept;
  [[nodiscard]] std::uint64_t applied_sequence() const noexcept { return applied_sequence_; }

 private:
  // False: it must be tried again.
  [[nodiscard]] bool apply(const abi::Command& command) noexcept;
  template <typename Payload>
  [[nodiscard]] CommandResult read_and_perform(const abi::Command& command) noexcept;
  template <typename Payload>
  [[nodiscard]] CommandResult check_and_perform(const Payload& payload) noexcept;
  void finish(const abi::Command& command, abi::Refusal refusal) noexcept;

  // One for each kind of command; the payload is valid.
#define SALLYPORT_PERFORM(number, name, Payload) \
  [[nodiscard]] CommandResult perform(const abi::Payload& command) noexcept;
  SALLYPORT_COMMANDS(SALLYPORT_PERFORM)
#undef SALLYPORT_PERFORM

  Parts parts_;
  abi::CommandLimits limits_;
  std::uint64_t applied_sequence_ = 0;
  std::uint64_t sync_id_ = 0;
  bool in_sync_ = false;
  bool has_waiting_ = false;
  abi::Command waiting_{};  // the command that must be tried again
};

}  // namespace sallyport::dataplane
