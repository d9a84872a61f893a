#include "dataplane/stages/reassembly.hpp"

#include <rte_lcore.h>

#include <cstring>
#include <new>

namespace sallyport::dataplane {
namespace {

constexpr std::uint32_t buckets = 128;
constexpr std::uint32_t bucket_entries = 8;  // a power of two
constexpr std::uint32_t max_packets = 128;   // under reassembly: 128 x 8 fragments at most

}  // namespace

std::unique_ptr<Reassembly> Reassembly::create(rte_mempool& pool, std::uint64_t tsc_hz) noexcept {
  rte_ip_frag_tbl* table =
      rte_ip_frag_table_create(buckets, bucket_entries, max_packets, tsc_hz, static_cast<int>(rte_socket_id()));
  if (table == nullptr) table = rte_ip_frag_table_create(buckets, bucket_entries, max_packets, tsc_hz, SOCKET_ID_ANY);
  if (table == nullptr) return nullptr;
  return std::unique_ptr<Reassembly>(new Reassembly(table, pool));
}

Reassembly::~Reassembly() {
  rte_ip_frag_table_destroy(table_);
}

Packet* Reassembly::add(Packet* fragment, std::uint64_t now_tsc, Counters& counters) noexcept {
  const PacketMeta meta = meta_of(fragment);
  std::uint8_t* const data = rte_pktmbuf_mtod(fragment, std::uint8_t*);
  // The packet may carry link padding; rte_ip_frag trusts data_len.
  if (fragment->data_len > meta.ip.total_bytes)
    rte_pktmbuf_trim(fragment, static_cast<std::uint16_t>(fragment->data_len - meta.ip.total_bytes));
  fragment->l2_len = 0;
  Packet* whole = nullptr;
  if (meta.ip.is_v4()) {
    fragment->l3_len = meta.ip.header_bytes & 0x1ff;
    whole = rte_ipv4_frag_reassemble_packet(table_, &dead_, fragment, now_tsc, reinterpret_cast<rte_ipv4_hdr*>(data));
  } else {
    // The fragment header must follow the IPv6 header: what stands between is nothing that a tunnel packet carries.
    if (meta.ip.fragment_header_offset != sizeof(rte_ipv6_hdr)) {
      counters.drop(fragment, DropReason::reassembly_failed);
      return nullptr;
    }
    fragment->l3_len = sizeof(rte_ipv6_hdr) + RTE_IPV6_FRAG_HDR_SIZE;
    whole = rte_ipv6_frag_reassemble_packet(table_, &dead_, fragment, now_tsc, reinterpret_cast<rte_ipv6_hdr*>(data),
                                            reinterpret_cast<rte_ipv6_fragment_ext*>(data + sizeof(rte_ipv6_hdr)));
  }
  bury_dead(counters);
  if (whole == nullptr) return nullptr;
  const std::uint8_t port = meta.rx_port;
  counters.add(port, Counter::merged, whole->nb_segs - 1U);
  counters.add(port, Counter::reassembled);
  Packet* linear = linearise(whole, counters);
  if (linear != nullptr) meta_of(linear) = meta;
  return linear;
}

void Reassembly::expire(std::uint64_t now_tsc, Counters& counters) noexcept {
  rte_ip_frag_table_del_expired_entries(table_, &dead_, now_tsc);
  bury_dead(counters);
}

Packet* Reassembly::linearise(Packet* chain, Counters& counters) noexcept {
  if (chain->nb_segs == 1) return chain;
  Packet* linear = rte_pktmbuf_alloc(&pool_);
  if (linear == nullptr) {
    counters.drop(chain, DropReason::no_buffer);
    return nullptr;
  }
  if (chain->pkt_len > rte_pktmbuf_tailroom(linear)) {
    rte_pktmbuf_free(linear);
    counters.drop(chain, DropReason::reassembly_failed);
    return nullptr;
  }
  std::uint8_t* out = rte_pktmbuf_mtod(linear, std::uint8_t*);
  for (const Packet* segment = chain; segment != nullptr; segment = segment->next) {
    std::memcpy(out, rte_pktmbuf_mtod(segment, const std::uint8_t*), segment->data_len);
    out += segment->data_len;
  }
  linear->data_len = static_cast<std::uint16_t>(chain->pkt_len);
  linear->pkt_len = chain->pkt_len;
  rte_pktmbuf_free(chain);
  return linear;
}

void Reassembly::bury_dead(Counters& counters) noexcept {
  for (std::uint32_t i = 0; i < dead_.cnt; ++i) {
    // A dead chain counts one drop for each fragment that was received.
    const std::uint16_t fragments = dead_.row[i]->nb_segs;
    counters.count_drop(meta_of(dead_.row[i]).rx_port, DropReason::reassembly_failed, fragments - 1U);
    counters.drop(dead_.row[i], DropReason::reassembly_failed);
  }
  dead_.cnt = 0;
}

}  // namespace sallyport::dataplane
