// Everything that workers read and housekeeping changes, in one place. Built once at start; the references stay valid
// until the end of the process.
#pragma once

#include <rte_rcu_qsbr.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/forwarding/flow_table.hpp"
#include "dataplane/forwarding/neighbour_table.hpp"
#include "dataplane/forwarding/policy_table.hpp"
#include "dataplane/forwarding/rate_limiter.hpp"
#include "dataplane/forwarding/route_table.hpp"
#include "dataplane/io/device.hpp"
#include "dataplane/io/mbuf_pool.hpp"
#include "dataplane/io/port_table.hpp"
#include "dataplane/session/peer_table.hpp"
#include "dataplane/session/session_table.hpp"
#include "dataplane/session/tunnel_table.hpp"

namespace sallyport::dataplane {

// What a running capture wants; read by workers once a burst. Housekeeping changes `active` last (release).
struct CaptureFilter {
  std::atomic<std::uint8_t> points{0};  // 0: no capture
  std::atomic<std::uint32_t> peer_id{abi::no_peer};
  std::atomic<std::uint8_t> port_index{abi::no_port};
  std::atomic<std::uint16_t> snap_bytes{0};
  std::atomic<std::uint16_t> drop_reason{0xffff};  // 0xffff: any
};

struct Tables {
  const PortTable& ports;
  std::vector<std::unique_ptr<Device>>& devices;
  MbufPools& pools;
  RouteTable& routes;
  NeighbourTable& neighbours;
  SessionTable sessions;
  PeerTable peers;
  TunnelTable& tunnels;
  PolicyTable& policy;
  FlowTable& flows;
  RateLimiter& rates;
  CaptureFilter& capture;
  rte_rcu_qsbr* rcu;  // workers are its readers, thread id = worker id
  std::uint64_t tsc_hz;
  // Housekeeping writes, workers read, relaxed: a packet more or less towards a dead link makes no difference.
  std::array<std::atomic<std::uint8_t>, abi::max_ports> link_up{};  // by logical port
};

}  // namespace sallyport::dataplane
