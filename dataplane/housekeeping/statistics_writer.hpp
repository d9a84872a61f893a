// Writes the statistics segment's records: peers and sessions as the timers pass them, ports and totals once a second.
// Workers write their counter blocks themselves.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/abi/segment.hpp"
#include "dataplane/abi/statistics.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/held.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/link_watch.hpp"

namespace sallyport::dataplane {

class StatisticsWriter {
 public:
  StatisticsWriter(HousekeepingContext& context, GatewayState& state, const abi::Segment& segment,
                   const abi::StatisticsLayout& layout)
      : context_(context),
        state_(state),
        header_(*segment.at<abi::StatisticsHeader>()),
        ports_(segment.at<abi::PortStatus>(layout.ports)),
        peers_(segment.at<abi::PeerStatus>(layout.peers)),
        sessions_(segment.at<abi::SessionStatus>(layout.sessions)) {}

  // The record of a peer (live or gone) and those of its sessions.
  void write_peer(std::uint32_t peer_id) noexcept;
  void clear_session(std::uint32_t slot) noexcept { sessions_[slot].write({}); }
  void write_ports(const LinkWatch& links) noexcept;
  struct Totals {
    std::uint64_t packets_held;
    std::uint32_t neighbours;
    std::uint32_t routes;                 // of commands, ports and tunnels
    HeldTable held_tunnels, held_routes;  // of commands alone
    HeldPolicyParts policy_parts;
  };
  void write_totals(const Totals& totals) noexcept;
  [[nodiscard]] abi::StatisticsHeader& header() noexcept { return header_; }

 private:
  void write_session(std::uint32_t index) noexcept;

  HousekeepingContext& context_;
  GatewayState& state_;
  abi::StatisticsHeader& header_;
  abi::PortStatus* ports_;
  abi::PeerStatus* peers_;
  abi::SessionStatus* sessions_;
};

}  // namespace sallyport::dataplane
