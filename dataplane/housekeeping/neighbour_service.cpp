#include "dataplane/housekeeping/neighbour_service.hpp"

#include "config/base/check.hpp"
#include "dataplane/housekeeping/port_addresses.hpp"
#include "dataplane/pipeline/link_header.hpp"

namespace sallyport::dataplane {

NeighbourService::NeighbourService(HousekeepingContext& context, IcmpErrors& icmp_errors,
                                   std::span<abi::NeighbourStatus> shown)
    : context_(context),
      icmp_errors_(icmp_errors),
      table_(context.tables.neighbours),
      shown_(shown),
      uses_(table_.capacity()),
      in_grace_(context.tables.rcu, table_.capacity()),
      most_gleaned_(table_.capacity() / 2) {}  // the others can always make room for newcomers

// --- packets in ---

void NeighbourService::handle(Packet* packet) noexcept {
  if (meta_of(packet).tx_port >= context_.tables.ports.ports().size() || packet->data_len == 0)
    return context_.counters.drop(packet, DropReason::neighbour_unresolved);
  meta_of(packet).task == Task::glean ? glean(packet) : resolve(packet);
}

void NeighbourService::resolve(Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const NeighbourInfo info = table_.info(meta.neighbour_index);
  // The route or path may have gone while the packet was on its way here, and its index to another.
  if (info.state == NeighbourState::none || info.port_index != meta.tx_port) return drop_unresolved(packet);
  hold(packet, meta.neighbour_index);
}

void NeighbourService::glean(Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const LogicalPort& port = context_.tables.ports.port(meta.tx_port);
  if (meta.ip.family == IpFamily::none || meta.ip.total_bytes > packet->data_len)
    return context_.counters.drop(packet, DropReason::bad_ip_header);
  const IpAddress destination = destination_address(bytes_of(packet), meta.ip);
  if (!is_on_link(port, destination))
    return context_.counters.drop(packet, DropReason::multicast);  // a subnet's broadcast
  if (!is_still_connected(port.index, destination)) return context_.counters.drop(packet, DropReason::peer_removed);
  const std::uint32_t index = table_.find_or_create(port.index, destination, context_.now_ns);
  if (index == no_neighbour) return context_.counters.drop(packet, DropReason::neighbour_queue_full);
  MacAddress mac;
  if (!table_.links().resolve(index, mac)) return hold(packet, index);
  install_gleaned_route(index, port.index, destination);
  send_frame(packet, port.index, mac);
}

void NeighbourService::send(Packet* ip_packet, std::uint8_t port_index, const IpAddress& next_hop) noexcept {
  meta_of(ip_packet).tx_port = port_index;
  const std::uint32_t index = table_.find_or_create(port_index, next_hop, context_.now_ns);
  if (index == no_neighbour) return context_.counters.drop(ip_packet, DropReason::neighbour_queue_full);
  MacAddress mac;
  if (table_.links().resolve(index, mac)) return send_frame(ip_packet, port_index, mac);
  meta_of(ip_packet).task = Task::none;  // nothing to glean when it comes out again
  hold(ip_packet, index);
}

void NeighbourService::hold(Packet* packet, std::uint32_t index) noexcept {
  auto* dropped = static_cast<Packet*>(table_.hold(index, packet, context_.now_ns));
  if (dropped == nullptr) return;
  if (dropped == packet && table_.info(index).state == NeighbourState::failed) return drop_unresolved(packet);
  context_.counters.drop(dropped, DropReason::neighbour_queue_full);
}

// --- packets out ---

void NeighbourService::send_frame(Packet* ip_packet, std::uint8_t port_index, const MacAddress& destination) noexcept {
  if (!add_link_header(ip_packet, context_.tables.ports.port(port_index), destination))
    return context_.counters.drop(ip_packet, DropReason::too_big);
  context_.transmit(ip_packet, port_index);
}

// Its address is known now. It may have waited for seconds, and its right may be gone: an inner packet is judged anew,
// the outer one of a tunnel goes if its peer is still there.
void NeighbourService::let_go(Packet* packet, const NeighbourWork::Release& release) noexcept {
  PacketMeta& meta = meta_of(packet);
  if (meta.task == Task::glean)
    install_gleaned_route(release.neighbour, release.port_index, destination_address(bytes_of(packet), meta.ip));
  const LogicalPort& port = context_.tables.ports.port(release.port_index);
  const bool is_ours = meta.is_trusted || meta.task == Task::none;
  if (port.role == config::PortRole::inside && !is_ours) {
    meta.passed_policy = meta.took_hop = true;
    return context_.send_to_worker(context_.transmit_worker[port.device], packet, Task::route);
  }
  if (meta.destination_peer != abi::no_peer &&
      context_.tables.peers[meta.destination_peer].live.load(std::memory_order_acquire) == 0)
    return context_.counters.drop(packet, DropReason::peer_removed);
  send_frame(packet, release.port_index, release.mac);
}

// Only who sent an inner packet out of a port is told: the outer packet of a tunnel is ours.
void NeighbourService::drop_unresolved(Packet* packet) noexcept {
  if (meta_of(packet).destination_peer != abi::no_peer)
    return context_.counters.drop(packet, DropReason::neighbour_unresolved);
  icmp_errors_.drop_with_error(packet, DropReason::neighbour_unresolved, {.kind = IcmpErrorKind::host_unreachable});
}

void NeighbourService::poll() noexcept {
  in_grace_.poll(most_reclaimed_per_poll, [this](std::uint32_t index) {
    uses_[index].in_grace = false;
    if (uses_[index].references == 0) table_.unpin(index, context_.now_ns);
  });
  bool more = true;
  for (unsigned round = 0; more && round < most_rounds_per_poll; ++round) {
    more = table_.poll(context_.now_ns, work_);
    for (const auto& question : work_.solicitations) solicit(question);
    for (const auto& release : work_.to_send) { let_go(static_cast<Packet*>(release.packet), release); }
    for (const auto& failure : work_.to_drop) drop_unresolved(static_cast<Packet*>(failure.packet));
  }
  if (context_.now_ns < publish_at_ns_) return;
  publish_at_ns_ = context_.now_ns + publish_interval_ns;
  review_gleaned_routes();
  publish();
}

void NeighbourService::drop_all_held() noexcept {
  table_.abandon_waiting();
  while (table_.held_packets() != 0) {
    static_cast<void>(table_.poll(context_.now_ns, work_));
    const auto drop = [this](void* packet) {
      context_.counters.drop(static_cast<Packet*>(packet), DropReason::neighbour_unresolved);
    };
    for (const auto& release : work_.to_send) drop(release.packet);
    for (const auto& failure : work_.to_drop) drop(failure.packet);
  }
}

Packet* NeighbourService::make_frame(std::size_t length_bytes) noexcept {
  Packet* frame = context_.allocate(static_cast<std::uint32_t>(length_bytes));
  if (frame != nullptr) reset_meta(frame, abi::no_port);
  return frame;
}

void NeighbourService::solicit(const NeighbourWork::Solicitation& question) noexcept {
  const LogicalPort& port = context_.tables.ports.port(question.port_index);
  const auto source = source_for(port, question.address);
  if (!source) return;  // it will fail, as it must
  const bool is_arp = question.address.is_v4();
  Packet* frame = make_frame(is_arp ? arp_frame_bytes : neighbour_frame_bytes);
  if (frame == nullptr) return;
  const MacAddress to = question.is_unicast ? question.mac : MacAddress::broadcast();
  const std::size_t length =
      is_arp ? build_arp_request(bytes_of(frame), mac_of(port), *source, question.address, to)
             : build_neighbour_solicitation(bytes_of(frame), mac_of(port), *source, question.address,
                                            question.is_unicast ? &question.mac : nullptr);
  SP_CHECK(length == frame->data_len);
  context_.counters.add(port.index, Counter::solicitations_sent);
  context_.count_originated(frame);
  context_.transmit(frame, port.index);
}

void NeighbourService::announce(std::uint8_t port_index) noexcept {
  const LogicalPort& port = context_.tables.ports.port(port_index);
  const auto tell = [&](const IpAddress& own) {
    Packet* frame = make_frame(own.is_v4() ? arp_frame_bytes : neighbour_frame_bytes);
    if (frame == nullptr) return;
    const std::size_t length = own.is_v4() ? build_arp_announcement(bytes_of(frame), mac_of(port), own)
                                           : build_neighbour_announcement(bytes_of(frame), mac_of(port), own);
    SP_CHECK(length == frame->data_len);
    context_.count_originated(frame);
    context_.transmit(frame, port_index);
  };
  for (const IpPrefix& own : port.addresses) tell(own.address);
  if (port.link_local) tell(*port.link_local);
}

// --- messages ---

void NeighbourService::on_arp(std::uint8_t port_index, const ArpMessage& message, bool for_us) noexcept {
  if (is_on_link(context_.tables.ports.port(port_index), message.sender))
    table_.on_arp(port_index, message, for_us, context_.now_ns);
}

void NeighbourService::on_neighbour_message(std::uint8_t port_index, const NeighbourMessage& message,
                                            bool for_us) noexcept {
  const IpAddress& sender = message.type == Icmp6Type::neighbour_solicitation ? message.source : message.target;
  if (is_on_link(context_.tables.ports.port(port_index), sender))
    table_.on_neighbour_message(port_index, message, for_us, context_.now_ns);
}

// --- indices that others hold ---

void NeighbourService::reference(std::uint32_t index) noexcept {
  if (uses_[index].references++ == 0 && !uses_[index].in_grace) table_.pin(index);
}

std::uint32_t NeighbourService::acquire(std::uint8_t port_index, const IpAddress& address) noexcept {
  const std::uint32_t index = table_.find_or_create(port_index, address, context_.now_ns);
  if (index != no_neighbour) reference(index);
  return index;
}

void NeighbourService::release(std::uint32_t index) noexcept {
  SP_CHECK(index < uses_.size() && uses_[index].references > 0);
  Use& use = uses_[index];
  if (--use.references != 0 || use.in_grace) return;
  use.in_grace = true;
  in_grace_.retire(index);
}

// --- gleaned routes ---

bool NeighbourService::is_still_connected(std::uint8_t port_index, const IpAddress& address) const noexcept {
  const RouteTable& routes = context_.tables.routes;
  const RouteEntry& entry = routes.entry(routes.lookup(address));
  if (entry.kind == NextHopKind::connected) return entry.port_index == port_index;
  return entry.kind == NextHopKind::port && entry.neighbour_index < uses_.size() &&
         uses_[entry.neighbour_index].has_gleaned_route && uses_[entry.neighbour_index].gleaned == address;
}

void NeighbourService::install_gleaned_route(std::uint32_t index, std::uint8_t port_index,
                                             const IpAddress& address) noexcept {
  Use& use = uses_[index];
  if (use.has_gleaned_route || gleaned_count_ >= most_gleaned_) return;
  if (!is_still_connected(port_index, address)) return;
  // Where it cannot be installed (the table is full), its packets go on by way of housekeeping.
  if (context_.tables.routes.set(IpPrefix::host(address),
                                 {.kind = NextHopKind::port, .port_index = port_index, .neighbour_index = index}) !=
      RouteError::none)
    return;
  use.has_gleaned_route = true;
  use.gleaned = address;
  use.idle_since_ns = 0;
  ++gleaned_count_;
  reference(index);
}

void NeighbourService::remove_gleaned_route(std::uint32_t index) noexcept {
  Use& use = uses_[index];
  const IpPrefix host = IpPrefix::host(use.gleaned);
  const auto entry = context_.tables.routes.get(host);
  // A route that somebody put in its place is not ours to remove.
  if (entry && entry->kind == NextHopKind::port && entry->neighbour_index == index)
    static_cast<void>(context_.tables.routes.remove(host));
  use.has_gleaned_route = false;
  --gleaned_count_;
  release(index);
}

void NeighbourService::forget_gleaned_covered_by(const IpPrefix& prefix) noexcept {
  if (gleaned_count_ == 0) return;
  const auto forget = [&](std::uint32_t index) {
    if (index != no_neighbour && uses_[index].has_gleaned_route && prefix.contains(uses_[index].gleaned))
      remove_gleaned_route(index);
  };
  if (prefix.is_host()) {
    for (const LogicalPort& port : context_.tables.ports.ports()) forget(table_.find(port.index, prefix.address));
  } else {
    for (std::uint32_t index = 0; index < uses_.size() && gleaned_count_ != 0; ++index) forget(index);
  }
}

void NeighbourService::review_gleaned_routes() noexcept {
  std::uint32_t left = gleaned_count_;
  for (std::uint32_t index = 0; left != 0 && index < uses_.size(); ++index) {
    Use& use = uses_[index];
    if (!use.has_gleaned_route) continue;
    --left;
    switch (table_.info(index).state) {
      case NeighbourState::failed:
        remove_gleaned_route(index);
        break;
      case NeighbourState::stale:
        if (use.idle_since_ns == 0) use.idle_since_ns = context_.now_ns;
        if (context_.now_ns - use.idle_since_ns >= gleaned_idle_ns) remove_gleaned_route(index);
        break;
      default:
        use.idle_since_ns = 0;
    }
  }
}

// --- what the control plane sees ---

void NeighbourService::publish() noexcept {
  unsigned count = 0;
  for (std::uint32_t index = 0; index < table_.capacity() && count < shown_.size(); ++index) {
    const NeighbourInfo info = table_.info(index);
    if (info.state == NeighbourState::none) continue;
    abi::NeighbourStatusValue value{};
    value.address = info.address;
    if (info.has_mac) value.mac = info.mac.bytes;
    value.state = static_cast<abi::NeighbourState>(info.state);
    value.port_index = info.port_index;
    value.confirmed_at_ns = info.confirmed_at_ns;
    shown_[count++].write(value);
  }
  for (unsigned place = count; place < shown_count_; ++place) shown_[place].write({});
  shown_count_ = count;
}

static_assert(static_cast<int>(NeighbourState::none) == static_cast<int>(abi::NeighbourState::none));
static_assert(static_cast<int>(NeighbourState::failed) == static_cast<int>(abi::NeighbourState::failed));

}  // namespace sallyport::dataplane
