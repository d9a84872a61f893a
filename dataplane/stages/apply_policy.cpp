// Stage 5: may this source class speak to this destination class? One look-up; no row means no.
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {

void apply_policy(Worker& worker, Batch& packets) noexcept {
  unsigned kept = 0;
  for (Packet* packet : packets) {
    const PacketMeta& meta = meta_of(packet);
    if (!meta.is_trusted) {
      const RouteEntry& destination = worker.tables.routes.entry(static_cast<RouteIndex>(meta.destination_route));
      const VerdictRow row = worker.tables.verdicts.look_up(meta.source_class, destination.destination_class);
      if (row.verdict != abi::Verdict::allow) {
        worker.drop(packet, DropReason::denied);
        continue;
      }
    }
    packets[kept++] = packet;
  }
  packets.truncate(kept);
}

}  // namespace sallyport::dataplane
