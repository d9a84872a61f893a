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
  if (rte_mempool* pool = create_packet_pool(name.c_str(), count, cache, plan.private_bytes, room_bytes)) return pool;
  std::string reason = rte_strerror(rte_errno);
  if (rte_errno == EINVAL) reason += "; is librte-mempool-stack installed?";
  return tl::unexpected("no memory pool of " + std::to_string(count) + " buffers of " + std::to_string(room_bytes) +
                        " bytes: " + reason);
}

}  // namespace

rte_mempool* create_packet_pool(const char* name, std::uint32_t count, std::uint32_t cache, std::uint16_t private_bytes,
                                std::uint16_t room_bytes) noexcept {
  // Without huge pages DPDK would keep each buffer within one page of 4 KiB, for the sake of NICs that see physical
  // addresses: nearly half of the memory would be lost. No NIC works without huge pages, so that is waived.
  const unsigned flags = rte_eal_has_hugepages() != 0 ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
  rte_pktmbuf_pool_private sizes{.mbuf_data_room_size = room_bytes, .mbuf_priv_size = private_bytes, .flags = 0};
  const auto element_bytes = static_cast<unsigned>(sizeof(rte_mbuf) + private_bytes + room_bytes);
  rte_mempool* pool = rte_mempool_create_empty(name, count, element_bytes, cache, sizeof sizes, SOCKET_ID_ANY, flags);
  if (pool == nullptr) return nullptr;
  int error = rte_mempool_set_ops_byname(pool, "lf_stack", nullptr);
  if (error == 0) {
    rte_pktmbuf_pool_init(pool, &sizes);
    const int populated = rte_mempool_populate_default(pool);
    error = populated < 0 ? populated : 0;
  }
  if (error != 0) {
    rte_mempool_free(pool);
    rte_errno = -error;
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

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
