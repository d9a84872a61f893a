#include "dataplane/io/mbuf_pool.hpp"

#include <rte_errno.h>
#include <rte_mempool.h>

#include <algorithm>

namespace sallyport::dataplane {
namespace {

static_assert(packet_headroom_bytes == RTE_PKTMBUF_HEADROOM);
static_assert(packet_header_bytes == sizeof(rte_mbuf));
static_assert(sizeof(rte_mempool_objhdr) <= 64);

tl::expected<rte_mempool*, std::string> create_pool(const std::string& name, std::uint32_t count,
                                                    const BufferPlan& plan, std::uint16_t room_bytes) {
  // A cache must be smaller than two thirds of its pool.
  const std::uint32_t cache = std::min({plan.cache_packets, count / 4, std::uint32_t{RTE_MEMPOOL_CACHE_MAX_SIZE}});
  rte_mempool* pool = rte_pktmbuf_pool_create_by_ops(name.c_str(), count, cache, plan.private_bytes, room_bytes,
                                                     SOCKET_ID_ANY, "lf_stack");
  if (pool != nullptr) return pool;
  std::string reason = rte_strerror(rte_errno);
  if (rte_errno == EINVAL) reason += "; is librte-mempool-stack installed?";
  return tl::unexpected("no memory pool of " + std::to_string(count) + " buffers of " + std::to_string(room_bytes) +
                        " bytes: " + reason);
}

}  // namespace

void MbufPools::Free::operator()(rte_mempool* pool) const noexcept {
  rte_mempool_free(pool);
}

tl::expected<MbufPools, std::string> MbufPools::create(const BufferPlan& plan, const std::string& name) {
  MbufPools pools;
  const auto packets = create_pool(name, plan.packets, plan, plan.packet_room_bytes);
  if (!packets) return tl::unexpected(packets.error());
  pools.packets_.reset(*packets);
  if (plan.large == 0) return pools;
  const auto large = create_pool(name + "-large", plan.large, plan, plan.large_room_bytes);
  if (!large) return tl::unexpected(large.error());
  pools.large_.reset(*large);
  return pools;
}

std::uint32_t MbufPools::in_use() const noexcept {
  return rte_mempool_in_use_count(packets_.get()) + (large_ ? rte_mempool_in_use_count(large_.get()) : 0);
}

std::uint32_t MbufPools::capacity() const noexcept {
  return packets_->size + (large_ ? large_->size : 0);
}

}  // namespace sallyport::dataplane
