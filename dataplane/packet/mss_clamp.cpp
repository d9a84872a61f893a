#include "dataplane/packet/mss_clamp.hpp"

#include "dataplane/packet/tcp.hpp"

namespace sallyport::dataplane {
namespace {

// A 16-bit value that lies at an odd offset straddles two words of the checksum; its byte-swapped image is in step with
// them (RFC 1071 section 2 B).
Be16 in_step(Be16 value, std::size_t offset) noexcept {
  return offset % 2 == 0 ? value : Be16::from_raw(swap_bytes(value.raw()));
}

}  // namespace

bool clamp_mss_of_tcp(std::span<std::uint8_t> packet, const ParsedIp& ip, std::uint16_t max_mss) noexcept {
  const auto tcp = packet.subspan(ip.l4_offset, ip.l4_bytes());
  if (tcp.size() < tcp_header_bytes) return false;
  const auto header = load_wire<TcpHeader>(tcp.data());
  if ((header.flags & tcp_flag_syn) == 0) return false;
  const std::size_t header_bytes = header.header_bytes();
  if (header_bytes < tcp_header_bytes || header_bytes > tcp.size()) return false;

  bool changed = false;
  TcpOptionWalk walk(tcp.subspan(tcp_header_bytes, header_bytes - tcp_header_bytes));
  for (TcpOption option; walk.next(option);) {
    if (option.kind != tcp_option_mss || option.length != 4) continue;
    const std::size_t at = tcp_header_bytes + option.offset + 2;
    const auto before = load_wire<Be16>(tcp.data() + at);
    if (before.host() <= max_mss) continue;
    const Be16 after{max_mss};
    store_wire(tcp.data() + at, after);
    const auto checksum = load_wire<Be16>(tcp.data() + tcp_checksum_offset);
    store_wire(tcp.data() + tcp_checksum_offset, update_checksum(checksum, in_step(before, at), in_step(after, at)));
    changed = true;
  }
  return changed;
}

}  // namespace sallyport::dataplane
