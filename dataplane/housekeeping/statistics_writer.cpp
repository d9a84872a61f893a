#include "dataplane/housekeeping/statistics_writer.hpp"

#include <algorithm>

#include "dataplane/abi/fixed_text.hpp"

namespace sallyport::dataplane {
namespace {

abi::SessionState state_of(SlotState state) noexcept {
  switch (state) {
    case SlotState::next:
      return abi::SessionState::next;
    case SlotState::current:
      return abi::SessionState::current;
    case SlotState::previous:
      return abi::SessionState::previous;
    case SlotState::free:
    case SlotState::ending:
      break;
  }
  return abi::SessionState::none;
}

}  // namespace

void StatisticsWriter::write_peer(std::uint32_t peer_id) noexcept {
  const PeerRecord& record = state_.peers[peer_id];
  if (!record.live) return peers_[peer_id].write({});
  const TunnelPath& path = context_.tables.peers[peer_id].path();
  abi::PeerStatusValue value{.live = 1,
                             .underlay_port = path.outer.is_set() ? path.port_index : no_port,
                             .tunnel_id = record.tunnel_id,
                             .staged_packets = record.staged.count,
                             .key = record.key,
                             .endpoint = record.endpoint,
                             .local = path.local,
                             .current_index = record.current,
                             .previous_index = record.previous,
                             .next_index = record.next,
                             .history = record.history,
                             .latest_handshake_ns = record.latest_handshake_ns,
                             .last_received_ns = record.last_received_ns,
                             .last_sent_ns = record.last_sent_ns,
                             .rx_packets = record.ended.rx_packets,
                             .rx_bytes = record.ended.rx_bytes,
                             .tx_packets = record.ended.tx_packets,
                             .tx_bytes = record.ended.tx_bytes};
  for (const std::uint32_t index : {record.current, record.previous, record.next}) {
    if (index == 0) continue;
    const std::uint32_t slot = context_.tables.sessions.slot_of(index);
    const OpenSession& open = context_.tables.sessions.open_slot(slot);
    const SealSession& seal = context_.tables.sessions.seal_slot(slot);
    value.rx_packets += open.rx_packets.load(std::memory_order_relaxed);
    value.rx_bytes += open.rx_bytes.load(std::memory_order_relaxed);
    value.tx_packets += seal.next_counter.load(std::memory_order_relaxed);
    value.tx_bytes += seal.tx_bytes.load(std::memory_order_relaxed);
    write_session(index);
  }
  peers_[peer_id].write(value);
}

void StatisticsWriter::write_session(std::uint32_t index) noexcept {
  const std::uint32_t slot = context_.tables.sessions.slot_of(index);
  const SessionRecord& record = state_.sessions[slot];
  const OpenSession& open = context_.tables.sessions.open_slot(slot);
  const std::uint64_t send_counter =
      context_.tables.sessions.seal_slot(slot).next_counter.load(std::memory_order_relaxed);
  sessions_[slot].write({.state = state_of(record.state),
                         .role = record.role,
                         .owner_worker = open.owner_worker.load(std::memory_order_relaxed),
                         .index = record.index,
                         .remote_index = record.remote_index,
                         .peer_id = record.peer_id,
                         .session_id = record.session_id,
                         .created_at_ns = record.created_at_ns,
                         .send_counter = send_counter,
                         .greatest_received_counter = open.greatest_counter.load(std::memory_order_relaxed),
                         .rx_packets = open.rx_packets.load(std::memory_order_relaxed),
                         .tx_packets = send_counter});
}

void StatisticsWriter::write_ports(const LinkWatch& links) noexcept {
  for (const LogicalPort& port : context_.tables.ports.ports()) {
    const Device& device = *context_.tables.devices[port.device];
    const LinkState& link = links.link(port.index);
    const DeviceStatistics statistics = device.statistics();
    abi::PortStatusValue value{.is_underlay = port.role == config::PortRole::underlay,
                               .link_up = link.up,
                               .vlan = port.vlan,
                               .mtu = port.mtu,
                               .rx_queues = device.queues().rx_queues,
                               .speed_mbps = link.speed_mbps,
                               .tx_queues = device.queues().tx_queues,
                               .mac = port.mac,
                               .device_rx_packets = statistics.received_packets,
                               .device_tx_packets = statistics.sent_packets,
                               .device_rx_missed = statistics.missed,
                               .device_rx_errors = statistics.receive_errors,
                               .device_rx_no_buffer = statistics.no_buffer,
                               .device_tx_errors = statistics.send_errors};
    abi::copy_text(value.name, port.name);
    abi::copy_text(value.device, device.name());
    abi::copy_text(value.driver, device.driver());
    std::copy_n(port.addresses.begin(), std::min<std::size_t>(port.addresses.size(), abi::max_addresses),
                value.addresses.begin());
    if (port.link_local) value.addresses[abi::max_addresses] = {*port.link_local, 64};
    ports_[port.index].write(value);
  }
}

void StatisticsWriter::write_totals(const Totals& totals) noexcept {
  const auto store = [](std::atomic<std::uint64_t>& value, std::uint64_t amount) {
    value.store(amount, std::memory_order_relaxed);
  };
  store(header_.buffers_total, context_.tables.pools.capacity());
  store(header_.buffers_in_use, context_.tables.pools.in_use());
  store(header_.packets_held, totals.packets_held);
  store(header_.live_peers, state_.live_peers.size());
  store(header_.live_sessions, state_.live_sessions);
  store(header_.live_neighbours, totals.neighbours);
  store(header_.live_routes, totals.routes);
  abi::Holdings& held = header_.holdings;
  store(held.tunnels, totals.held_tunnels.count);
  store(held.tunnels_digest, totals.held_tunnels.digest);
  store(held.routes, totals.held_routes.count);
  store(held.routes_digest, totals.held_routes.digest);
  store(held.source_classes, totals.policy_parts.source_classes);
  store(held.destination_classes, totals.policy_parts.destination_classes);
  store(held.addresses, totals.policy_parts.addresses);
  store(held.peers_with_access, totals.policy_parts.peers_with_access);
  header_.updated_at_ns.store(context_.now_ns, std::memory_order_release);
}

}  // namespace sallyport::dataplane
