#include "dataplane/pipeline/packet_ring.hpp"

#include <new>

namespace sallyport::dataplane {

std::unique_ptr<PacketRing> PacketRing::create(const char* name, unsigned slots) noexcept {
  rte_ring* ring = rte_ring_create(name, slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) return nullptr;
  return std::unique_ptr<PacketRing>(new PacketRing(ring));
}

PacketRing::~PacketRing() {
  rte_ring_free(ring_);
}

}  // namespace sallyport::dataplane
