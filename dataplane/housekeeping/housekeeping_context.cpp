#include "dataplane/housekeeping/housekeeping_context.hpp"

namespace sallyport::dataplane {

Packet* HousekeepingContext::allocate(std::uint32_t length_bytes) noexcept {
  Packet* packet = rte_pktmbuf_alloc(&tables.pools.packets());
  if (packet == nullptr || rte_pktmbuf_append(packet, static_cast<std::uint16_t>(length_bytes)) == nullptr) {
    if (packet != nullptr) rte_pktmbuf_free(packet);
    // Nothing was originated, so nothing is dropped in the accounting: the pair cancels out.
    counters.add(no_port, Counter::originated);
    counters.count_drop(no_port, DropReason::no_buffer);
    return nullptr;
  }
  reset_meta(packet, no_port);
  meta_of(packet).is_trusted = true;
  return packet;
}

void HousekeepingContext::send_to_worker(std::uint16_t worker, Packet* packet, Task task) noexcept {
  meta_of(packet).task = task;
  if (!rings[worker].from_housekeeping->push(packet)) counters.drop(packet, DropReason::handover_full);
}

void HousekeepingContext::transmit(Packet* frame, std::uint8_t port_index) noexcept {
  meta_of(frame).tx_port = port_index;
  send_to_worker(transmit_worker[tables.ports.port(port_index).device], frame, Task::transmit);
}

void HousekeepingContext::route(Packet* ip_packet) noexcept {
  meta_of(ip_packet).is_trusted = true;
  send_to_worker(0, ip_packet, Task::route);
}

}  // namespace sallyport::dataplane
