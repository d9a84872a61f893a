#include "dataplane/stages/fragment.hpp"

#include "dataplane/packet/fragment.hpp"

namespace sallyport::dataplane {
namespace {

struct Piece {
  std::span<const std::uint8_t> header;
  std::span<const std::uint8_t> payload;
  std::uint32_t offset_bytes;
  bool more;
};

Packet* make_fragment(Worker& worker, const Piece& piece) noexcept {
  Packet* fragment = rte_pktmbuf_alloc(&worker.tables.pools.packets());
  if (fragment == nullptr) return nullptr;
  const std::size_t total_bytes = piece.header.size() + piece.payload.size();
  auto* at = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(fragment, static_cast<std::uint16_t>(total_bytes)));
  if (at == nullptr) {
    rte_pktmbuf_free(fragment);
    return nullptr;
  }
  std::memcpy(at, piece.header.data(), piece.header.size());
  std::memcpy(at + piece.header.size(), piece.payload.data(), piece.payload.size());
  auto header = load_wire<Ipv4Header>(at);
  header.total_length = Be16{static_cast<std::uint16_t>(total_bytes)};
  header.flags_and_offset = Be16{static_cast<std::uint16_t>(((piece.offset_bytes / 8) & ipv4_offset_mask) |
                                                            (piece.more ? ipv4_more_fragments : 0U))};
  header.checksum = Be16{};
  store_wire(at, header);
  store_wire(at + ipv4_checksum_offset, internet_checksum({at, piece.header.size()}));
  return fragment;
}

}  // namespace

unsigned make_ipv4_fragments(Worker& worker, Packet* packet, std::uint16_t mtu,
                             std::array<Packet*, max_inner_fragments>& fragments) noexcept {
  const PacketMeta meta = meta_of(packet);
  const auto bytes = std::span<const std::uint8_t>(bytes_of(packet)).first(meta.ip.total_bytes);
  std::array<std::uint8_t, 60> later_header;
  const std::size_t later_header_bytes = make_later_fragment_header(bytes.first(meta.ip.header_bytes), later_header);
  Piece piece{.header = bytes.first(meta.ip.header_bytes),
              .payload = {},
              .offset_bytes = meta.ip.fragment_offset_bytes,
              .more = true};
  auto left = bytes.subspan(meta.ip.header_bytes);
  unsigned made = 0;
  DropReason trouble = DropReason::count;
  while (!left.empty() && trouble == DropReason::count) {
    // A multiple of 8 in every fragment but the last.
    const std::size_t room = mtu > piece.header.size() ? (mtu - piece.header.size()) / 8 * 8 : 0;
    piece.payload = left.first(std::min(room, left.size()));
    left = left.subspan(piece.payload.size());
    piece.more = !left.empty() || meta.ip.more_fragments;
    if (room == 0 || made == max_inner_fragments) {
      trouble = DropReason::too_big;
    } else if (fragments[made] = make_fragment(worker, piece); fragments[made] == nullptr) {
      trouble = DropReason::no_buffer;
    } else {
      ++made;
    }
    piece.offset_bytes += static_cast<std::uint32_t>(piece.payload.size());
    piece.header = std::span(later_header).first(later_header_bytes);
  }
  if (trouble != DropReason::count) {
    while (made > 0) rte_pktmbuf_free(fragments[--made]);
    worker.drop(packet, trouble);
    return 0;
  }
  unsigned good = 0;
  for (unsigned i = 0; i < made; ++i) {
    Packet* fragment = fragments[i];
    meta_of(fragment) = meta;
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
