// Stage 7: inner packets become data messages. Counters are reserved for the whole batch, one atomic addition for each
// session in it; packets are padded to 16 bytes, never beyond the tunnel's MTU; the AEAD runs over the batch; the outer
// headers come from the peer's path. The WireGuard paper, section 5.4.6.
#include "dataplane/packet/ecn.hpp"
#include "dataplane/packet/wireguard.hpp"
#include "dataplane/stages/fragment.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

// The paper, 6.1.
constexpr std::uint64_t reject_after_messages = ReplayWindow::reject_after_messages;

struct SealRequest {
  Packet* packet;
  SealSession* session;
  const TunnelPath* path;
  std::uint64_t counter;
};

// Gives every packet of the batch its counter: sessions are few in a batch, so each is found in a short list.
class CounterReservation {
 public:
  void reserve(std::span<SealRequest> requests) noexcept {
    for (const SealRequest& request : requests) ++entry_of(request.session).packets;
    for (unsigned i = 0; i < used_; ++i)
      entries_[order_[i]].next =
          entries_[order_[i]].session->next_counter.fetch_add(entries_[order_[i]].packets, std::memory_order_relaxed);
    for (SealRequest& request : requests) request.counter = entry_of(request.session).next++;
  }

 private:
  struct Entry {
    SealSession* session = nullptr;
    std::uint32_t packets = 0;
    std::uint64_t next = 0;
  };
  static constexpr unsigned slots = 2 * Batch::capacity;

  Entry& entry_of(SealSession* session) noexcept {
    // Sessions are 192 bytes apart.
    unsigned slot = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(session) >> 6) * 0x9e3779b1U >> 23;
    while (entries_[slot].session != nullptr && entries_[slot].session != session) slot = (slot + 1) & (slots - 1);
    if (entries_[slot].session == nullptr) {
      entries_[slot].session = session;
      order_[used_++] = static_cast<std::uint16_t>(slot);
    }
    return entries_[slot];
  }
  static_assert(slots == 1U << 9);

  std::array<Entry, slots> entries_{};
  std::array<std::uint16_t, slots> order_;
  unsigned used_ = 0;
};

// Finds session and path, or sends the packet where it can wait for one.
bool prepare(WorkerContext& worker, Packet* packet, SealRequest& request) noexcept {
  PacketMeta& meta = meta_of(packet);
  const Peer& peer = worker.tables.peers[meta.destination_peer];
  request.packet = packet;
  request.session = worker.tables.sessions.find_seal(peer.send_index.load(std::memory_order_acquire));
  request.path = &peer.path();
  if (request.session == nullptr || worker.now_tsc >= request.session->expires_at_tsc ||
      request.session->next_counter.load(std::memory_order_relaxed) >= reject_after_messages - Batch::capacity) {
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

// Pads the plaintext and puts the data header before it.
bool frame(const SealRequest& request, AeadJob& job) noexcept {
  Packet* packet = request.packet;
  const auto plain_bytes = packet->data_len;
  const auto padded_bytes = static_cast<std::uint16_t>(wireguard_padded_bytes(plain_bytes, request.path->inner_mtu));
  const auto added = static_cast<std::uint16_t>(padded_bytes - plain_bytes);
  auto* tail = reinterpret_cast<std::uint8_t*>(
      rte_pktmbuf_append(packet, static_cast<std::uint16_t>(added + wireguard_tag_bytes)));
  auto* header = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, wireguard_data_header_bytes));
  if (tail == nullptr || header == nullptr) return false;
  std::memset(tail, 0, added);
  WireguardDataHeader data_header;
  data_header.receiver_index = Le32{request.session->remote_index};
  data_header.counter = Le64{request.counter};
  store_wire(header, data_header);
  job = {.key = &request.session->key,
         .data = header + wireguard_data_header_bytes,
         .length_bytes = padded_bytes,
         .nonce = wireguard_nonce(request.counter)};
  return true;
}

void add_outer_header(WorkerContext& worker, const SealRequest& request) noexcept {
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

void stamp(const WorkerContext& worker, SealSession& session, std::uint32_t inner_bytes) noexcept {
  session.last_sent_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  if (inner_bytes == 0) return;
  session.last_data_sent_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  session.tx_bytes.fetch_add(inner_bytes, std::memory_order_relaxed);
}

}  // namespace

void seal_wireguard(WorkerContext& worker) noexcept {
  std::array<SealRequest, Batch::capacity> requests;
  std::array<AeadJob, Batch::capacity> jobs;
  unsigned count = 0;
  for (Packet* packet : worker.to_seal)
    if (prepare(worker, packet, requests[count])) ++count;
  worker.to_seal.clear();
  if (count == 0) return;

  CounterReservation{}.reserve(std::span(requests).first(count));
  unsigned framed = 0;
  for (unsigned i = 0; i < count; ++i) {
    worker.capture.take_if(abi::CapturePoint::inner_sent, requests[i].packet, true);
    stamp(worker, *requests[i].session, requests[i].packet->data_len);
    if (!frame(requests[i], jobs[framed])) {
      worker.drop(requests[i].packet, DropReason::too_big);
      continue;
    }
    requests[framed++] = requests[i];
  }
  worker.aead.seal(std::span(jobs).first(framed));
  for (unsigned i = 0; i < framed; ++i) {
    if (jobs[i].ok) {
      add_outer_header(worker, requests[i]);
    } else {
      // The session ended under us: its key is wiped.
      worker.drop(requests[i].packet, DropReason::session_expired);
    }
  }
}

}  // namespace sallyport::dataplane
