#include "dataplane/stages/accept_opened.hpp"

#include "dataplane/packet/ecn.hpp"
#include "dataplane/pipeline/received_endpoints.hpp"
#include "dataplane/session/send_choice.hpp"

namespace sallyport::dataplane {
namespace {

void add_relaxed(std::atomic<std::uint64_t>& value, std::uint64_t amount) noexcept {
  value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

// The peer may have moved: authenticated data with the highest counter so far decides.
void notice_roaming(WorkerContext& worker, const Packet* packet, const OpenSession& session) noexcept {
  const PacketMeta& meta = meta_of(packet);
  const TunnelPath& path = worker.tables.peers[session.peer_id].path();
  const auto [remote, local] = received_endpoints(packet);
  if (remote == path.remote && local == path.local) return;
  if (worker.note({.kind = NoteKind::endpoint_moved,
                   .port_index = meta.rx_port,
                   .worker = worker.id,
                   .session_index = meta.session_index,
                   .peer_id = session.peer_id,
                   .remote = remote,
                   .local = local}))
    worker.counters.add(meta.rx_port, Counter::roamed);
}

// The first packet of a session that we answered: from now on it is the one to send with.
void confirm(WorkerContext& worker, OpenSession& session, std::uint32_t index) noexcept {
  if (!send_with_confirmed(worker.tables.peers[session.peer_id].send_index, session.index, index)) return;
  // If the note finds no room, the next packet confirms again.
  if (worker.note({.kind = NoteKind::session_confirmed,
                   .worker = worker.id,
                   .session_index = index,
                   .peer_id = session.peer_id}))
    session.awaits_confirmation.store(0, std::memory_order_relaxed);
}

}  // namespace

OpenSession* session_to_open(WorkerContext& worker, Packet* packet) noexcept {
  const PacketMeta& meta = meta_of(packet);
  OpenSession* session = worker.tables.sessions.find_open(meta.session_index);
  const auto refuse = [&](DropReason reason) -> OpenSession* {
    worker.drop(packet, reason);
    return nullptr;
  };
  if (session == nullptr) return refuse(DropReason::unknown_session);
  if (worker.now_tsc >= session->expires_at_tsc || meta.counter >= session->reject_from_counter)
    return refuse(DropReason::session_expired);
  if (!session->window.would_accept(meta.counter)) return refuse(DropReason::replayed);
  return session;
}

void accept_opened(WorkerContext& worker, Packet* packet, OpenSession& session, std::uint16_t head_bytes,
                   std::uint16_t tail_bytes) noexcept {
  PacketMeta& meta = meta_of(packet);
  if (!session.window.accept(meta.counter)) return worker.drop(packet, DropReason::replayed);
  worker.counters.add(meta.rx_port, Counter::opened);
  if (worker.now_tsc > session.last_received_tsc.load(std::memory_order_relaxed))
    session.last_received_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  add_relaxed(session.rx_packets, 1);
  if (meta.counter == session.window.newest()) {
    session.greatest_counter.store(meta.counter, std::memory_order_relaxed);
    notice_roaming(worker, packet, session);
  }
  if (session.awaits_confirmation.load(std::memory_order_relaxed) != 0) confirm(worker, session, meta.session_index);

  rte_pktmbuf_adj(packet, head_bytes);
  rte_pktmbuf_trim(packet, tail_bytes);
  meta.layer = Layer::ip;
  if (packet->data_len == 0) {
    worker.counters.add(meta.rx_port, Counter::keepalives_received);
    return worker.counters.finish(packet, Counter::consumed);
  }
  session.last_data_received_tsc.store(worker.now_tsc, std::memory_order_relaxed);
  if (parse_ip(bytes_of(packet), meta.ip) != IpParseError::none)
    return worker.drop(packet, DropReason::bad_inner_packet);
  rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(packet->data_len - meta.ip.total_bytes));
  add_relaxed(session.rx_bytes, meta.ip.total_bytes);
  meta.source_peer = session.peer_id;
  meta.opened_session = meta.session_index;
  if (!apply_ecn_decapsulation(rte_pktmbuf_mtod(packet, std::uint8_t*), meta.ip, meta.outer_tos))
    return worker.drop(packet, DropReason::ecn_inconsistent);
  worker.capture.take_if(abi::CapturePoint::inner_received, packet, true);
  worker.opened.push(packet);
}

}  // namespace sallyport::dataplane
