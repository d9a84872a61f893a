#include "dataplane/stages/seal_requests.hpp"

#include "dataplane/packet/ecn.hpp"
#include "dataplane/stages/fragment.hpp"

namespace sallyport::dataplane {
namespace {

// Finds session and path, or sends the packet where it can wait for one.
bool prepare(WorkerContext& worker, Packet* packet, SealRequest& request) noexcept {
  PacketMeta& meta = meta_of(packet);
  const Peer& peer = worker.tables.peers[meta.destination_peer];
  request.packet = packet;
  request.session = worker.tables.sessions.find_seal(peer.send_index.load(std::memory_order_acquire));
  request.path = &peer.path();
  if (request.session == nullptr || worker.now_tsc >= request.session->expires_at_tsc ||
      request.session->next_counter.load(std::memory_order_relaxed) + Batch::capacity >
          request.session->reject_from_counter) {
    worker.mark_held(packet);
    worker.to_housekeeping(packet, Task::stage);
    return false;
  }
  if (!request.path->outer.is_set()) {
    if (packet->data_len == 0) {
      worker.drop(packet, DropReason::no_endpoint);
    } else {
      worker.drop_with_icmp(packet, DropReason::no_endpoint, {.kind = IcmpErrorKind::host_unreachable});
    }
    return false;
  }
  return true;
}

void stamp(const WorkerContext& worker, SealSession& session, std::uint32_t inner_bytes) noexcept {
  session.last_sent_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  if (inner_bytes == 0) return;
  session.last_data_sent_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  session.tx_bytes.fetch_add(inner_bytes, std::memory_order_relaxed);
}

}  // namespace

unsigned take_seal_requests(WorkerContext& worker, std::array<SealRequest, Batch::capacity>& requests) noexcept {
  unsigned count = 0;
  for (Packet* packet : worker.to_seal)
    if (prepare(worker, packet, requests[count])) ++count;
  worker.to_seal.clear();
  if (count == 0) return 0;
  CounterReservation{}.reserve(std::span(requests).first(count));
  for (const SealRequest& request : std::span(requests).first(count)) {
    worker.capture.take_if(abi::CapturePoint::inner_sent, request.packet, true);
    stamp(worker, *request.session, request.packet->data_len);
  }
  return count;
}

void send_sealed(WorkerContext& worker, const SealRequest& request) noexcept {
  Packet* packet = request.packet;
  PacketMeta& meta = meta_of(packet);
  const TunnelPath& path = *request.path;
  const std::size_t payload_bytes = packet->data_len;
  auto* at = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, path.outer.header_bytes));
  if (at == nullptr) return worker.drop(packet, DropReason::too_big);
  write_outer_header(path.outer, at, payload_bytes, static_cast<std::uint16_t>(request.counter),
                     outer_tos_for_data(meta.ip.tos));
  packet->ol_flags = 0;
  const bool fits = packet->data_len <= path.outer_mtu;
  if (path.outer.has_udp_checksum) {
    if (fits && worker.device_of_port(path.port_index).offloads().tx_udp_checksum) {
      const bool is_v6 = path.outer.family == IpFamily::v6;
      write_udp_checksum_for_offload(path.outer, at, payload_bytes);
      packet->ol_flags |= (is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4) | RTE_MBUF_F_TX_UDP_CKSUM;
      packet->l2_len = ethernet_header_bytes;
      packet->l3_len = is_v6 ? ipv6_header_bytes : ipv4_header_bytes;
    } else {
      write_udp_checksum(path.outer, at, payload_bytes);
    }
  }
  meta.tx_port = path.port_index;
  meta.neighbour_index = path.neighbour_index;
  worker.counters.add(meta.rx_port, Counter::sealed);
  if (fits) return worker.push_to_neighbour(packet);
  if (parse_ip(bytes_of(packet), meta.ip) != IpParseError::none) return worker.drop(packet, DropReason::too_big);
  // Distinct among the packets of a session; sessions begin anywhere.
  const auto identification = request.session->remote_index + static_cast<std::uint32_t>(request.counter);
  fragment(worker, packet, path.outer_mtu, identification, [&](Packet* piece) { worker.push_to_neighbour(piece); });
}

}  // namespace sallyport::dataplane
