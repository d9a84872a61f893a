#include "tests/integration/wire.hpp"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "config/base/check.hpp"

namespace sallyport::integration {

Wire::Wire(const std::string& name, unsigned queues) : device_("net_ring_" + name), queues_(queues) {
  SP_CHECK(queues_ <= max_queues);
  for (unsigned queue = 0; queue < queues_; ++queue) {
    const std::string suffix = name + std::to_string(queue);
    to_gateway_[queue] = rte_ring_create(("in-" + suffix).c_str(), slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    from_gateway_[queue] =
        rte_ring_create(("out-" + suffix).c_str(), slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    SP_CHECK(to_gateway_[queue] != nullptr && from_gateway_[queue] != nullptr);
  }
  SP_CHECK(rte_eth_from_rings(name.c_str(), to_gateway_.data(), queues_, from_gateway_.data(), queues_, 0) >= 0);
}

Wire::~Wire() {
  rte_vdev_uninit(device_.c_str());
  for (unsigned queue = 0; queue < queues_; ++queue) {
    rte_ring_free(to_gateway_[queue]);
    rte_ring_free(from_gateway_[queue]);
  }
}

bool Wire::put(rte_mempool& pool, std::span<const std::uint8_t> frame, unsigned queue) {
  rte_mbuf* first = nullptr;
  do {
    rte_mbuf* segment = rte_pktmbuf_alloc(&pool);
    if (segment == nullptr) {
      rte_pktmbuf_free(first);
      return false;
    }
    const auto bytes = static_cast<std::uint16_t>(std::min<std::size_t>(frame.size(), rte_pktmbuf_tailroom(segment)));
    if (bytes != 0) std::memcpy(rte_pktmbuf_append(segment, bytes), frame.data(), bytes);
    frame = frame.subspan(bytes);
    if (first == nullptr) {
      first = segment;
    } else {
      SP_CHECK(rte_pktmbuf_chain(first, segment) == 0);
    }
  } while (!frame.empty());
  if (rte_ring_enqueue(to_gateway_[queue], first) == 0) return true;
  rte_pktmbuf_free(first);
  return false;
}

std::optional<Bytes> Wire::take() {
  for (unsigned queue = 0; queue < queues_; ++queue) {
    void* object = nullptr;
    if (rte_ring_dequeue(from_gateway_[queue], &object) != 0) continue;
    auto* mbuf = static_cast<rte_mbuf*>(object);
    Bytes frame;
    for (const rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
      const auto* data = rte_pktmbuf_mtod(segment, const std::uint8_t*);
      frame.insert(frame.end(), data, data + segment->data_len);
    }
    rte_pktmbuf_free(mbuf);
    return frame;
  }
  return std::nullopt;
}

void Wire::clear() {
  while (take()) {}
  for (unsigned queue = 0; queue < queues_; ++queue)
    for (void* object = nullptr; rte_ring_dequeue(to_gateway_[queue], &object) == 0;)
      rte_pktmbuf_free(static_cast<rte_mbuf*>(object));
}

}  // namespace sallyport::integration
