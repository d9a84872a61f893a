#include "dataplane/packet/fragment.hpp"

#include "dataplane/packet/transport.hpp"

namespace sallyport::dataplane {

std::uint32_t fragment_identification(std::span<const std::uint8_t> packet, const ParsedIp& ip) noexcept {
  if (ip.is_v4()) return load_wire<Ipv4Header>(packet.data()).identification.host();
  if (ip.fragment_header_offset == 0) return 0;
  return load_wire<Ipv6FragmentHeader>(packet.data() + ip.fragment_header_offset).identification.host();
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
