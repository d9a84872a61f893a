#include "dataplane/housekeeping/packets_down.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/abi/validate.hpp"
#include "dataplane/packet/ip_header_template.hpp"

namespace sallyport::dataplane {

PacketsDown::PacketsDown(HousekeepingContext& context, NeighbourService& neighbours, const UnderlayRoutes& routes)
    : context_(context), neighbours_(neighbours), routes_(routes) {
  held_.reserve(most_held);
}

void PacketsDown::count_dropped(DropReason reason) noexcept {
  context_.counters.add(abi::no_port, Counter::originated);
  context_.counters.count_drop(abi::no_port, reason);
}

bool PacketsDown::was_refused(std::uint64_t sequence) const noexcept {
  return sequence != 0 && std::find(refused_.begin(), refused_.end(), sequence) != refused_.end();
}

void PacketsDown::on_refused(std::uint64_t sequence) noexcept {
  forget_former_connection();
  refused_[next_refusal_++ % most_refusals] = sequence;
  std::erase_if(held_, [&](const Held& held) {
    if (held.slot.after_sequence != sequence) return false;
    count_dropped(DropReason::bad_command);
    return true;
  });
}

// Sequence numbers mean something within one connection only.
void PacketsDown::forget_former_connection() noexcept {
  if (generation_ == context_.link.generation()) return;
  generation_ = context_.link.generation();
  for (std::size_t i = 0; i < held_.size(); ++i) count_dropped(DropReason::bad_command);
  held_.clear();
  refused_.fill(0);
}

void PacketsDown::poll(std::uint64_t applied_sequence) noexcept {
  forget_former_connection();
  serve_held(applied_sequence);
  for (unsigned taken = 0; taken < most_taken_per_poll && held_.size() < most_held; ++taken) {
    if (!context_.link.take_packet(slot_)) return;
    if (!abi::valid(slot_) || was_refused(slot_.after_sequence)) {
      count_dropped(DropReason::bad_command);
    } else if (slot_.after_sequence > applied_sequence) {
      held_.push_back({slot_, context_.now_ns});
    } else {
      send(slot_);
    }
  }
}

void PacketsDown::serve_held(std::uint64_t applied_sequence) noexcept {
  std::erase_if(held_, [&](const Held& held) {
    if (held.slot.after_sequence <= applied_sequence) {
      send(held.slot);
      return true;
    }
    if (context_.now_ns - held.since_ns < patience_ns) return false;
    count_dropped(DropReason::bad_command);
    return true;
  });
}

void PacketsDown::send(const abi::PacketDown& slot) noexcept {
  const Tunnel* tunnel = context_.tables.tunnels.find(slot.tunnel_id);
  if (tunnel == nullptr) return count_dropped(DropReason::bad_command);
  const auto hop = find_underlay_hop(context_.tables.ports, routes_, slot.remote.address, slot.local.address);
  if (!hop) return count_dropped(DropReason::no_underlay_route);
  const OuterHeaderTemplate outer =
      make_outer_template({.address = hop->local, .port = tunnel->listen_port}, slot.remote, tunnel->udp_checksum);
  const std::size_t length = outer.header_bytes + slot.length_bytes;
  if (!outer.is_set()) return count_dropped(DropReason::no_underlay_route);
  if (length > context_.tables.ports.port(hop->port_index).mtu) return count_dropped(DropReason::too_big);

  Packet* packet = context_.allocate(static_cast<std::uint32_t>(length));
  if (packet == nullptr) return;  // counted as no_buffer
  reset_meta(packet, abi::no_port);
  std::uint8_t* at = rte_pktmbuf_mtod(packet, std::uint8_t*);
  std::memcpy(at + outer.header_bytes, slot.data.data(), slot.length_bytes);
  write_outer_header(outer, at, slot.length_bytes, next_identification_++, slot.tos);
  write_udp_checksum(outer, at, slot.length_bytes);
  context_.count_originated(packet);
  neighbours_.send(packet, hop->port_index, hop->next_hop);
}

}  // namespace sallyport::dataplane
