// Applies the commands of the control plane, in their order: checks every value, changes the tables, and answers what
// it refuses with an event. Between begin_sync and end_sync the control plane names everything that shall exist; what
// it did not name is removed at the end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "config/base/secret.hpp"
#include "dataplane/abi/validate.hpp"
#include "dataplane/forwarding/grace_queue.hpp"
#include "dataplane/housekeeping/capture_control.hpp"
#include "dataplane/housekeeping/flow_keeper.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/held.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/housekeeping/packets_down.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/housekeeping/policy_keeper.hpp"
#include "dataplane/housekeeping/session_keeper.hpp"
#include "dataplane/housekeeping/staging.hpp"
#include "dataplane/housekeeping/statistics_writer.hpp"
#include "dataplane/worker/housekeeping_context.hpp"

namespace sallyport::dataplane {

class Commands {
 public:
  struct Parts {
    HousekeepingContext& context;
    GatewayState& state;
    NeighbourService& neighbours;
    UnderlayRoutes& underlay_routes;
    Paths& paths;
    SessionKeeper& sessions;
    Staging& staging;
    StatisticsWriter& statistics;
    PacketsDown& packets_down;
    CaptureControl& capture;
    PolicyKeeper& policy;
    FlowKeeper& flows;
  };
  Commands(const Parts& parts, const abi::CommandLimits& limits);

  // Applies a bounded number; true if it did anything.
  bool poll() noexcept;
  // A new connection starts to count from 1.
  void on_new_link() noexcept;
  [[nodiscard]] std::uint64_t applied_sequence() const noexcept { return applied_sequence_; }
  [[nodiscard]] HeldObjects held() const noexcept;
  // Routes of ports, made at start: connected prefixes, own addresses and gateways of inside ports.
  void install_port_routes() noexcept;

 private:
  enum class Outcome : std::uint8_t { done, again };  // again: a table asks for a moment
  struct Route {
    abi::RouteKind kind;
    std::uint64_t sync_id;
    std::uint32_t peer_id;
    std::uint32_t neighbour;  // of RouteKind::via
    bool is_underlay;
    std::uint64_t digest;
  };

  [[nodiscard]] Outcome apply(const abi::Command& command) noexcept;
  template <typename Payload, typename Apply>
  [[nodiscard]] Outcome with(const abi::Command& command, Apply&& apply) noexcept;
  void finish(const abi::Command& command, abi::Refusal refusal) noexcept;

  // Each returns a refusal, or Refusal::none; `busy_` is set when the command must be tried again.
  [[nodiscard]] abi::Refusal set_tunnel(const abi::SetTunnel& set) noexcept;
  [[nodiscard]] abi::Refusal remove_tunnel(std::uint16_t tunnel_id) noexcept;
  [[nodiscard]] static bool takes_another_key(const PeerRecord& record, const abi::SetPeer& set) noexcept;
  [[nodiscard]] abi::Refusal set_peer(const abi::SetPeer& set) noexcept;
  // False: try again (busy_ is set).
  [[nodiscard]] bool remove_peer(std::uint32_t peer_id) noexcept;
  [[nodiscard]] abi::Refusal set_route(const abi::SetRoute& set) noexcept;
  [[nodiscard]] abi::Refusal remove_route(const IpPrefix& prefix) noexcept;
  template <typename Payload>
  [[nodiscard]] Outcome change_policy(const abi::Command& command,
                                      abi::Refusal (PolicyKeeper::*change)(const Payload&) noexcept) noexcept;
  void set_cookie_secrets(const abi::SetCookieSecrets& set) noexcept;
  void end_sync(std::uint64_t sync_id) noexcept;

  [[nodiscard]] abi::Refusal refusal_of(RouteError error) noexcept;
  [[nodiscard]] bool is_port_address(const IpAddress& address) const noexcept;
  [[nodiscard]] bool is_tunnel_address(const IpAddress& address, std::uint16_t except_tunnel) const noexcept;
  void replace_tunnel(std::uint16_t tunnel_id, std::unique_ptr<Tunnel> tunnel) noexcept;
  [[nodiscard]] std::unique_ptr<Tunnel> make_tunnel(const abi::SetTunnel& set) const noexcept;

  Parts parts_;
  abi::CommandLimits limits_;
  std::map<IpPrefix, Route> routes_;  // those that commands made
  std::uint64_t routes_digest_ = 0;   // of routes_
  std::array<abi::SetTunnel, abi::max_tunnels> tunnel_settings_{};
  std::array<std::uint64_t, abi::max_tunnels> tunnel_sync_{};
  std::array<std::uint32_t, abi::max_tunnels> tunnel_peers_{};
  GraceQueue<Tunnel*> retired_tunnels_;
  Secret<32> cookie_secret_;
  Secret<32> previous_cookie_secret_;
  std::uint64_t applied_sequence_ = 0;
  std::uint64_t sync_id_ = 0;
  bool in_sync_ = false;
  bool busy_ = false;
  bool has_waiting_ = false;
  abi::Command waiting_{};  // the command that must be tried again
};

}  // namespace sallyport::dataplane
