#include "dataplane/packet/fragment.hpp"

#include <cstring>

#include "dataplane/packet/transport.hpp"

namespace sallyport::dataplane {

std::uint32_t fragment_identification(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  if (ip.is_v4()) return load_wire<Ipv4Header>(packet.data()).identification.host();
  if (ip.fragment_header_offset == 0) return 0;
  return load_wire<Ipv6FragmentHeader>(packet.data() + ip.fragment_header_offset).identification.host();
}

std::size_t make_later_fragment_header(std::span<const std::uint8_t> header, std::span<std::uint8_t, 60> out) noexcept {
  constexpr std::uint8_t end = 0, no_operation = 1, copied = 0x80;
  std::memcpy(out.data(), header.data(), ipv4_header_bytes);
  std::size_t length = ipv4_header_bytes;
  for (std::size_t at = ipv4_header_bytes; at < header.size() && header[at] != end;) {
    const std::size_t option_bytes = header[at] == no_operation ? 1 : at + 1 < header.size() ? header[at + 1] : 0;
    if (option_bytes == 0 || at + option_bytes > header.size()) break;  // parse_ip refused such a packet
    if ((header[at] & copied) != 0) {
      std::memcpy(out.data() + length, header.data() + at, option_bytes);
      length += option_bytes;
    }
    at += option_bytes;
  }
  while (length % 4 != 0) out[length++] = end;
  out[0] = static_cast<std::uint8_t>(0x40 | length / 4);
  return length;
}

FragmentJudgement judge_fragment(const ParsedIp& ip) noexcept {
  if (!ip.is_fragment) return FragmentJudgement::harmless;
  if (!ip.first_fragment)
    return ip.fragment_offset_bytes < least_later_offset_bytes ? FragmentJudgement::overlapping
                                                               : FragmentJudgement::harmless;
  return ip.l4_bytes() < least_transport_bytes(ip.l4_protocol) ? FragmentJudgement::tiny_first
                                                               : FragmentJudgement::harmless;
}

}  // namespace sallyport::dataplane
