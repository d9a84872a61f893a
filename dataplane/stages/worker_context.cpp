#include "dataplane/stages/worker_context.hpp"

#include <rte_ethdev.h>

#include "dataplane/io/vlan.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned transmit_tries = 4;

}  // namespace

WorkerContext::WorkerContext(Setup&& setup) noexcept
    : id(setup.worker_id),
      tables(*setup.tables),
      counters(setup.counters),
      aead(*setup.aead),
      reassembly(*setup.reassembly),
      capture(*setup.capture),
      flow(*setup.flow),
      aead_owner_(std::move(setup.aead)),
      reassembly_owner_(std::move(setup.reassembly)),
      capture_owner_(std::move(setup.capture)),
      flow_owner_(std::move(setup.flow)),
      worker_count_(setup.worker_count),
      rings_(*setup.rings),
      notes_(rings_[id].notes.get()),
      transmit_(tables.devices.size()) {
  for (std::size_t i = 0; i < transmit_.size(); ++i) {
    const QueuePlan& plan = tables.devices[i]->queues();
    transmit_[i].ethdev = tables.devices[i]->ethdev();
    transmit_[i].queue = plan.tx_queue_of_worker(id);
    transmit_[i].owner_worker = plan.tx_worker_for(id);
  }
  for (const LogicalPort& port : tables.ports.ports()) {
    for (const IpPrefix& prefix : port.addresses) own_addresses_[port.index].add(prefix.address);
    if (port.link_local) own_addresses_[port.index].add(*port.link_local);
  }
}

void WorkerContext::push_to_seal(Packet* packet) noexcept {
  if (to_seal.room() == 0) seal_wireguard(*this);
  to_seal.push(packet);
}

void WorkerContext::push_to_neighbour(Packet* packet) noexcept {
  if (to_neighbour.room() == 0) add_link_headers(*this);
  to_neighbour.push(packet);
}

void WorkerContext::drop(Packet* packet, DropReason reason) noexcept {
  if (capture.wants(abi::CapturePoint::dropped)) [[unlikely]]
    capture_drop(packet, reason);
  counters.drop(packet, reason);
}

void WorkerContext::capture_drop(Packet* packet, DropReason reason) noexcept {
  const PacketMeta& meta = meta_of(packet);
  if (meta.layer == Layer::message) {
    // A message without its outer header tells little.
    const auto outer_bytes = static_cast<std::uint16_t>(packet->data_off - meta.outer_offset);
    packet->data_off = meta.outer_offset;
    packet->data_len = static_cast<std::uint16_t>(packet->data_len + outer_bytes);
    packet->pkt_len = packet->data_len;
  }
  capture.take(abi::CapturePoint::dropped, packet, meta.layer != Layer::ethernet, reason);
}

void WorkerContext::drop_with_icmp(Packet* packet, DropReason reason, IcmpErrorRequest error) noexcept {
  PacketMeta& meta = meta_of(packet);
  meta.drop_reason = reason;
  meta.icmp = error;
  if (meta.is_trusted && meta.source_peer == abi::no_peer) return drop(packet, reason);  // our own: nobody to tell
  capture.take_if(abi::CapturePoint::dropped, packet, true, reason);
  meta.task = Task::icmp_error;
  if (!rings_[id].held->push(packet)) counters.drop(packet, reason);
}

void WorkerContext::to_housekeeping(Packet* packet, Task task) noexcept {
  meta_of(packet).task = task;
  WorkerRings& rings = rings_[id];
  PacketRing& ring = task == Task::own_address || task == Task::own_inner_address ? *rings.own_address
                     : task == Task::handshake                                    ? *rings.handshakes
                                                                                  : *rings.held;
  if (ring.push(packet)) return;
  drop(packet, task == Task::handshake                                        ? DropReason::handshake_queue_full
               : task == Task::own_address || task == Task::own_inner_address ? DropReason::own_address_rate
                                                                              : DropReason::handover_full);
}

void WorkerContext::hand_over(Packet* packet, std::uint16_t to_worker, Task task) noexcept {
  PacketMeta& meta = meta_of(packet);
  meta.task = task;
  const std::uint8_t port = meta.rx_port;
  if (to_worker >= worker_count_ || to_worker == id || !rings_[to_worker].from_worker[id]->push(packet))
    return drop(packet, DropReason::handover_full);
  counters.add(port, Counter::handed_over);
}

bool WorkerContext::note(const Note& note) noexcept {
  return notes_.push(note) == abi::RingResult::ok;
}

void WorkerContext::transmit(Packet* frame) noexcept {
  const PacketMeta& meta = meta_of(frame);
  if (tables.link_up[meta.tx_port].load(std::memory_order_relaxed) == 0) return drop(frame, DropReason::port_down);
  const LogicalPort& port = tables.ports.port(meta.tx_port);
  TransmitBuffer& buffer = transmit_[port.device];
  if (buffer.queue == no_queue) return hand_over(frame, buffer.owner_worker, Task::transmit);
  capture.take_if(abi::CapturePoint::outer_sent, frame, false);
  if (!put_vlan(*frame, port.vlan, tables.devices[port.device]->offloads())) return drop(frame, DropReason::too_big);
  if (buffer.frames.room() == 0) flush_transmit(buffer);
  buffer.frames.push(frame);
}

void WorkerContext::flush_transmit(TransmitBuffer& buffer) noexcept {
  // The driver frees what it sent, so ports and lengths are noted before.
  struct Sent {
    std::uint8_t port;
    std::uint32_t bytes;
  };
  std::array<Sent, Batch::capacity> notes;
  const auto count = static_cast<std::uint16_t>(buffer.frames.size());
  for (unsigned i = 0; i < count; ++i) notes[i] = {meta_of(buffer.frames[i]).tx_port, buffer.frames[i]->pkt_len};
  std::uint16_t sent = 0;
  for (unsigned tries = 0; sent < count && tries < transmit_tries; ++tries)
    sent = static_cast<std::uint16_t>(sent + rte_eth_tx_burst(buffer.ethdev, buffer.queue, buffer.frames.begin() + sent,
                                                              static_cast<std::uint16_t>(count - sent)));
  for (unsigned i = 0; i < sent; ++i) {
    counters.add(notes[i].port, Counter::sent);
    counters.add(notes[i].port, Counter::sent_bytes, notes[i].bytes);
  }
  for (unsigned i = sent; i < count; ++i) drop(buffer.frames[i], DropReason::transmit_full);
  buffer.frames.clear();
}

}  // namespace sallyport::dataplane
