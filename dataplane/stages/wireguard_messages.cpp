#include "dataplane/stages/wireguard_messages.hpp"

#include "dataplane/packet/udp.hpp"
#include "dataplane/packet/wireguard.hpp"

namespace sallyport::dataplane {
namespace {

// A data message to the session that its index names: to this worker's batch, or to the worker that owns the session.
void dispatch_data(WorkerContext& worker, Packet* packet, std::span<const std::uint8_t> message) noexcept {
  const auto header = load_wire<WireguardDataHeader>(message.data());
  const std::uint32_t index = header.receiver_index.host();
  const OpenSession* session = worker.tables.sessions.find_open(index);
  if (session == nullptr) return worker.drop(packet, DropReason::unknown_session);
  if (worker.now_tsc >= session->expires_at_tsc) return worker.drop(packet, DropReason::session_expired);
  PacketMeta& meta = meta_of(packet);
  meta.session_index = index;
  meta.counter = header.counter.host();
  const std::uint16_t owner = session->owner_worker.load(std::memory_order_acquire);
  if (owner == worker.id) return worker.to_open.push(packet);
  if (owner == owner_moving) return worker.to_housekeeping(packet, Task::hold_for_owner);
  worker.hand_over(packet, owner, Task::open);
}

}  // namespace

void HandshakeBurst::finish(WorkerContext& worker) noexcept {
  std::array<bool, capacity> passed{};
  for (unsigned first = 0; first < count;) {
    unsigned end = first + 1;
    while (end < count && tunnels[end] == tunnels[first]) ++end;
    tunnels[first]->wireguard.mac1.check_mac1(std::span(messages).subspan(first, end - first),
                                              std::span(passed).subspan(first, end - first));
    first = end;
  }
  for (unsigned i = 0; i < count; ++i) {
    Packet* packet = packets[i];
    if (!passed[i]) {
      worker.drop(packet, DropReason::bad_mac1);
      continue;
    }
    PacketMeta& meta = meta_of(packet);
    const std::uint8_t* outer = static_cast<const std::uint8_t*>(packet->buf_addr) + meta.outer_offset;
    const std::size_t address_bytes = meta.outer_is_v6 ? 16 : 4;
    const auto udp = load_wire<UdpHeader>(static_cast<const std::uint8_t*>(packet->buf_addr) +
                                          meta.outer_payload_offset - udp_header_bytes);
    const std::size_t source = meta.outer_is_v6 ? ipv6_source_offset : ipv4_source_offset;
    const Mac2Result mac2 =
        tunnels[i]->wireguard.cookies.check_mac2(messages[i], {outer + source, address_bytes}, udp.source_port.host());
    meta.mac2_valid = mac2 == Mac2Result::valid;
    worker.counters.add(meta.rx_port,
                        meta.mac2_valid ? Counter::handshakes_with_cookie : Counter::handshakes_without_cookie);
    worker.to_housekeeping(packet, Task::handshake);
  }
  count = 0;
}

void classify_wireguard_message(WorkerContext& worker, Packet* packet, const Tunnel& tunnel,
                                HandshakeBurst& burst) noexcept {
  const std::span<const std::uint8_t> message = bytes_of(packet);
  switch (classify_wireguard(message)) {
    case WireguardMessage::data:
      return dispatch_data(worker, packet, message);
    case WireguardMessage::cookie_reply:
      return worker.to_housekeeping(packet, Task::handshake);
    case WireguardMessage::initiation:
    case WireguardMessage::response:
      break;
    default:
      return worker.drop(packet, DropReason::unknown_message);
  }
  burst.packets[burst.count] = packet;
  burst.tunnels[burst.count] = &tunnel;
  burst.messages[burst.count++] = message;
  if (burst.count == HandshakeBurst::capacity) burst.finish(worker);
}

}  // namespace sallyport::dataplane
