// Before stages 4 to 6: the routes of every inner source and destination, looked up for the whole batch at once so that
// the cache misses overlap. The source's route says whose address it is, the destination's where it goes.
#include "dataplane/stages/stages.hpp"

namespace sallyport::dataplane {
namespace {

// The addresses of one family in a batch, sources and destinations alike.
struct Family {
  std::array<const std::uint8_t*, 2 * Batch::capacity> addresses;
  std::array<RouteIndex, 2 * Batch::capacity> routes;
  unsigned count = 0;
};

}  // namespace

void look_up_routes(WorkerContext& worker, Batch& packets) noexcept {
  Family v4, v6;
  for (const Packet* packet : packets) {
    const ParsedIp& ip = meta_of(packet).ip;
    Family& family = ip.is_v4() ? v4 : v6;
    const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    family.addresses[family.count++] = data + ip.source_offset();
    family.addresses[family.count++] = data + ip.destination_offset();
  }
  if (v4.count != 0)
    worker.tables.routes.lookup_v4(std::span(v4.addresses).first(v4.count), std::span(v4.routes).first(v4.count));
  if (v6.count != 0)
    worker.tables.routes.lookup_v6(std::span(v6.addresses).first(v6.count), std::span(v6.routes).first(v6.count));
  unsigned next_v4 = 0, next_v6 = 0;
  for (Packet* packet : packets) {
    PacketMeta& meta = meta_of(packet);
    const bool is_v4 = meta.ip.is_v4();
    unsigned& next = is_v4 ? next_v4 : next_v6;
    const Family& family = is_v4 ? v4 : v6;
    meta.source_route = static_cast<std::uint32_t>(family.routes[next++]);
    meta.destination_route = static_cast<std::uint32_t>(family.routes[next++]);
  }
}

}  // namespace sallyport::dataplane
