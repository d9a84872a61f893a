// Fragmentation of an IP packet that is larger than where it goes: an inner IPv4 packet that permits it, as a router
// does (RFC 791, section 3.2: the first fragment has all options, the others those that are to be copied), and an outer
// packet of the gateway's own, of either family (RFC 8200, section 4.5).
#pragma once

#include <array>

#include "dataplane/stages/worker_context.hpp"

namespace sallyport::dataplane {

inline constexpr unsigned max_fragments = 16;

// Copies `packet`, whose meta.ip is parsed, into fragments of at most `mtu` bytes and frees it. Of IPv6 only what has
// no extension header; its fragments are told apart by `ipv6_identification`. Returns their number; 0: no buffers, or
// more than max_fragments (the packet was dropped and counted).
[[nodiscard]] unsigned make_fragments(WorkerContext& worker, Packet* packet, std::uint16_t mtu,
                                      std::uint32_t ipv6_identification,
                                      std::array<Packet*, max_fragments>& fragments) noexcept;

template <typename Leave>
void fragment(WorkerContext& worker, Packet* packet, std::uint16_t mtu, std::uint32_t ipv6_identification,
              Leave&& leave) noexcept {
  std::array<Packet*, max_fragments> fragments;
  const unsigned count = make_fragments(worker, packet, mtu, ipv6_identification, fragments);
  for (unsigned i = 0; i < count; ++i) leave(fragments[i]);
}

}  // namespace sallyport::dataplane
