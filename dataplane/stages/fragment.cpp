#include "dataplane/stages/fragment.hpp"

#include <rte_ip_frag.h>

namespace sallyport::dataplane {

unsigned make_ipv4_fragments(Worker& worker, Packet* packet, std::uint16_t mtu,
                             std::array<Packet*, max_inner_fragments>& fragments) noexcept {
  const PacketMeta meta = meta_of(packet);
  // A multiple of 8 for the payload of every fragment but the last, as the library demands of the MTU.
  const auto usable = static_cast<std::uint16_t>((mtu - meta.ip.header_bytes) / 8 * 8 + meta.ip.header_bytes);
  const std::int32_t made = rte_ipv4_fragment_copy_nonseg_packet(packet, fragments.data(), max_inner_fragments, usable,
                                                                 &worker.tables.pools.packets());
  if (made <= 0) {
    worker.drop(packet, made == -ENOMEM ? DropReason::no_buffer : DropReason::too_big);
    return 0;
  }
  const auto count = static_cast<unsigned>(made);
  unsigned good = 0;
  for (unsigned i = 0; i < count; ++i) {
    Packet* fragment = fragments[i];
    meta_of(fragment) = meta;
    std::uint8_t* header = rte_pktmbuf_mtod(fragment, std::uint8_t*);
    store_wire(header + ipv4_checksum_offset, Be16{});
    store_wire(header + ipv4_checksum_offset, internet_checksum({header, meta.ip.header_bytes}));
    worker.counters.add(meta.rx_port, Counter::originated);
    if (parse_ip(bytes_of(fragment), meta_of(fragment).ip) != IpParseError::none) {
      worker.drop(fragment, DropReason::bad_ip_header);
      continue;
    }
    fragments[good++] = fragment;
  }
  worker.counters.finish(packet, Counter::consumed);
  return good;
}

}  // namespace sallyport::dataplane
