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

Packet* make_fragment(WorkerContext& worker, const Piece& piece) noexcept {
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
  if (*at >> 4 == 6) {
    store_wire(at + ipv6_payload_length_offset, Be16{static_cast<std::uint16_t>(total_bytes - ipv6_header_bytes)});
    auto header = load_wire<Ipv6FragmentHeader>(at + ipv6_header_bytes);
    header.offset_and_more = Be16{static_cast<std::uint16_t>(piece.offset_bytes | (piece.more ? 1U : 0U))};
    store_wire(at + ipv6_header_bytes, header);
    return fragment;
  }
  auto header = load_wire<Ipv4Header>(at);
  header.total_length = Be16{static_cast<std::uint16_t>(total_bytes)};
  header.flags_and_offset = Be16{static_cast<std::uint16_t>(((piece.offset_bytes / 8) & ipv4_offset_mask) |
                                                            (piece.more ? ipv4_more_fragments : 0U))};
  header.checksum = Be16{};
  store_wire(at, header);
  store_wire(at + ipv4_checksum_offset, internet_checksum({at, piece.header.size()}));
  return fragment;
}

// The headers of an IPv6 fragment: the packet's, and the fragment header behind it.
std::size_t make_ipv6_fragment_headers(std::span<const std::uint8_t> packet, std::uint32_t identification,
                                       std::span<std::uint8_t, 60> out) noexcept {
  auto header = load_wire<Ipv6Header>(packet.data());
  Ipv6FragmentHeader fragment;
  fragment.next_header = header.next_header;
  fragment.identification = Be32{identification};
  header.next_header = IpProtocol::fragment;
  store_wire(out.data(), header);
  store_wire(out.data() + ipv6_header_bytes, fragment);
  return ipv6_header_bytes + sizeof fragment;
}

}  // namespace

unsigned make_fragments(WorkerContext& worker, Packet* packet, std::uint16_t mtu, std::uint32_t ipv6_identification,
                        std::array<Packet*, max_fragments>& fragments) noexcept {
  const PacketMeta meta = meta_of(packet);
  const auto bytes = std::span<const std::uint8_t>(bytes_of(packet)).first(meta.ip.total_bytes);
  const auto header = bytes.first(meta.ip.header_bytes);
  std::array<std::uint8_t, 60> later_header;
  const std::size_t later_header_bytes = meta.ip.is_v4()
                                             ? make_later_fragment_header(header, later_header)
                                             : make_ipv6_fragment_headers(bytes, ipv6_identification, later_header);
  const auto later = std::span<const std::uint8_t>(later_header).first(later_header_bytes);
  Piece piece{.header = meta.ip.is_v4() ? header : later,
              .payload = {},
              .offset_bytes = meta.ip.fragment_offset_bytes,
              .more = true};
  auto left = bytes.subspan(header.size());
  unsigned made = 0;
  std::optional<DropReason> trouble;
  while (!left.empty() && !trouble) {
    // A multiple of 8 in every fragment but the last.
    const std::size_t room = mtu > piece.header.size() ? (mtu - piece.header.size()) / 8 * 8 : 0;
    piece.payload = left.first(std::min(room, left.size()));
    left = left.subspan(piece.payload.size());
    piece.more = !left.empty() || meta.ip.more_fragments;
    if (room == 0 || made == max_fragments) {
      trouble = DropReason::too_big;
    } else if (fragments[made] = make_fragment(worker, piece); fragments[made] == nullptr) {
      trouble = DropReason::no_buffer;
    } else {
      ++made;
    }
    piece.offset_bytes += static_cast<std::uint32_t>(piece.payload.size());
    piece.header = later;
  }
  if (trouble) {
    while (made > 0) rte_pktmbuf_free(fragments[--made]);
    worker.drop(packet, *trouble);
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
