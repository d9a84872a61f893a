// Stage 4: the inner source address must belong to the peer that sent it: the paper's cryptokey routing, and the reason
// why an address stands for an identity behind this stage. Always on. And the source of an inside packet must not be
// routed through another inside port (RFC 3704 section 2.2), unless the port's rpf is loose. A source without any route
// passes: routers of the site may speak with such addresses, and nobody else is known by them.
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

std::optional<DropReason> judge_source(const Tables& tables, const PacketMeta& meta,
                                       const RouteEntry& source) noexcept {
  if (meta.source_peer != abi::no_peer) {
    if (source.kind == NextHopKind::peer && source.peer_id == meta.source_peer) return std::nullopt;
    return DropReason::foreign_source;
  }
  switch (source.kind) {
    case NextHopKind::peer:
      return DropReason::inside_source_is_peer;
    case NextHopKind::local:
      return DropReason::bad_source;
    case NextHopKind::port:
    case NextHopKind::connected:
      if (source.port_index == meta.rx_port || !tables.ports.port(meta.rx_port).strict_reverse_path)
        return std::nullopt;
      return DropReason::reverse_path;
    case NextHopKind::none:
    case NextHopKind::blackhole:
      break;
  }
  return std::nullopt;
}

// Of a packet that was held: its peer is gone, and its number may be another's by now.
bool came_from_former_peer(const Tables& tables, const PacketMeta& meta) noexcept {
  if (meta.source_peer == abi::no_peer) return false;
  const Peer& peer = tables.peers[meta.source_peer];
  return peer.live.load(std::memory_order_acquire) == 0 ||
         peer.life.load(std::memory_order_relaxed) != meta.source_life;
}

}  // namespace

void check_source(WorkerContext& worker, Batch& packets) noexcept {
  unsigned kept = 0;
  for (Packet* packet : packets) {
    PacketMeta& meta = meta_of(packet);
    if (!meta.is_trusted) {
      const RouteEntry& source = worker.tables.routes.entry(static_cast<RouteIndex>(meta.source_route));
      auto reason = judge_source(worker.tables, meta, source);
      if (meta.was_held && came_from_former_peer(worker.tables, meta)) [[unlikely]]
        reason = DropReason::peer_removed;
      if (reason) {
        worker.drop(packet, *reason);
        continue;
      }
    }
    packets[kept++] = packet;
  }
  packets.truncate(kept);
}

}  // namespace sallyport::dataplane
