// Stage 8: the Ethernet header, whose destination is the neighbour's address of this moment, and the VLAN tag.
#include "dataplane/pipeline/link_header.hpp"
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

// By index for a next hop that a route or a tunnel names, by address for a destination on the link itself.
bool resolve(WorkerContext& worker, const Packet* packet, const PacketMeta& meta, MacAddress& mac) noexcept {
  NeighbourLinks& links = worker.tables.neighbours.links();
  if (meta.neighbour_index != no_neighbour) return links.resolve(meta.neighbour_index, mac);
  std::uint32_t unused;
  const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  return links.resolve(meta.tx_port, meta.ip.family, data + meta.ip.destination_offset(), unused, mac);
}

}  // namespace

void add_link_headers(WorkerContext& worker) noexcept {
  for (Packet* packet : worker.to_neighbour) {
    PacketMeta& meta = meta_of(packet);
    MacAddress neighbour;
    if (!resolve(worker, packet, meta, neighbour)) {
      if (!meta.was_held) worker.mark_held(packet);
      worker.to_housekeeping(packet, meta.neighbour_index != no_neighbour ? Task::resolve : Task::glean);
      continue;
    }
    if (!add_link_header(packet, worker.tables.ports.port(meta.tx_port), neighbour)) {
      worker.drop(packet, DropReason::too_big);
      continue;
    }
    meta.layer = Layer::ethernet;
    worker.transmit(packet);
  }
  worker.to_neighbour.clear();
}

}  // namespace sallyport::dataplane
