// The housekeeping thread: takes the commands, changes the tables, owns neighbours and own addresses, runs the slow
// timers and frees what workers no longer use. It never waits for a worker, and no worker waits for it.
//
//   one turn: link -> commands -> what workers sent -> what the control plane sent -> timers -> grace periods -> events
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/housekeeping/capture_control.hpp"
#include "dataplane/housekeeping/commands.hpp"
#include "dataplane/housekeeping/control_link.hpp"
#include "dataplane/housekeeping/gateway_state.hpp"
#include "dataplane/housekeeping/host_bridge.hpp"
#include "dataplane/housekeeping/housekeeping_context.hpp"
#include "dataplane/housekeeping/icmp_errors.hpp"
#include "dataplane/housekeeping/link_watch.hpp"
#include "dataplane/housekeeping/neighbour_service.hpp"
#include "dataplane/housekeeping/own_address.hpp"
#include "dataplane/housekeeping/packets_down.hpp"
#include "dataplane/housekeeping/path_mtu.hpp"
#include "dataplane/housekeeping/paths.hpp"
#include "dataplane/housekeeping/peer_keeper.hpp"
#include "dataplane/housekeeping/route_keeper.hpp"
#include "dataplane/housekeeping/session_keeper.hpp"
#include "dataplane/housekeeping/session_timers.hpp"
#include "dataplane/housekeeping/staging.hpp"
#include "dataplane/housekeeping/statistics_writer.hpp"
#include "dataplane/housekeeping/tunnel_keeper.hpp"
#include "dataplane/housekeeping/wireguard_gate.hpp"

namespace sallyport::dataplane {

class Housekeeping {
 public:
  struct Setup {
    Tables& tables;
    std::vector<WorkerRings>& rings;
    std::vector<CaptureTap*> captures;  // of all workers
    std::unique_ptr<ControlLink> link;
    const abi::Segment& statistics;
    abi::StatisticsLayout layout;
    abi::CommandLimits limits;
  };
  // The parts that can fail to start (host interfaces) say why.
  static tl::expected<std::unique_ptr<Housekeeping>, std::string> create(Setup&& setup);

  // Until `stop`.
  void run(const std::atomic<bool>& stop) noexcept;
  // One turn; true if there was anything to do.
  bool run_once() noexcept;

  [[nodiscard]] std::uint64_t packets_held() const noexcept;
  [[nodiscard]] ControlLink& link() noexcept { return *link_; }
  // Frees every packet that is held, counted: for the end of the process, and for tests that count buffers.
  void drop_all_held() noexcept;

 private:
  explicit Housekeeping(Setup&& setup);
  bool take_from_workers() noexcept;
  bool take_notes() noexcept;
  void dispatch(Packet* packet) noexcept;
  void on_new_link() noexcept;
  void every_second() noexcept;
  void sleep() noexcept;

  std::unique_ptr<ControlLink> link_;
  std::vector<WorkerRings>& rings_;
  std::vector<abi::RingConsumer<NoteRing>> notes_;
  Counters counters_;
  TscClock clock_;
  HousekeepingContext context_;
  GatewayState state_;
  LinkWatch links_;
  StatisticsWriter statistics_;
  IcmpErrors icmp_errors_;
  NeighbourService neighbours_;
  HostBridge host_bridge_;
  OwnAddress own_address_;
  WireguardGate wireguard_gate_;
  UnderlayRoutes underlay_routes_;
  Paths paths_;
  PathMtu path_mtu_;
  Staging staging_;
  SessionKeeper sessions_;
  SessionTimers timers_;
  PacketsDown packets_down_;
  CaptureControl capture_;
  PolicyKeeper policy_;
  FlowKeeper flows_;
  RouteKeeper routes_;
  TunnelKeeper tunnels_;
  PeerKeeper peers_;
  Commands commands_;
  std::uint64_t link_generation_ = 0;
  std::uint64_t next_second_ns_ = 0;
  std::uint64_t next_link_poll_ns_ = 0;
  unsigned idle_turns_ = 0;
  std::vector<int> host_descriptors_;
};

}  // namespace sallyport::dataplane
