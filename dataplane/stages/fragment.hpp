// IPv4 fragmentation of an inner packet that permits it (RFC 791, section 3.2): what a router does before a tunnel or
// port with a smaller MTU. The first fragment has all options, the others those that are to be copied.
#pragma once

#include <array>

#include "dataplane/worker/worker.hpp"

namespace sallyport::dataplane {

inline constexpr unsigned max_inner_fragments = 16;

// Copies `packet` into fragments of at most `mtu` bytes and frees it. Returns their number; 0: no buffers, or more than
// max_inner_fragments (the packet was dropped and counted).
[[nodiscard]] unsigned make_ipv4_fragments(Worker& worker, Packet* packet, std::uint16_t mtu,
                                           std::array<Packet*, max_inner_fragments>& fragments) noexcept;

template <typename Leave>
void fragment_ipv4(Worker& worker, Packet* packet, std::uint16_t mtu, Leave&& leave) noexcept {
  std::array<Packet*, max_inner_fragments> fragments;
  const unsigned count = make_ipv4_fragments(worker, packet, mtu, fragments);
  for (unsigned i = 0; i < count; ++i) leave(fragments[i]);
}

}  // namespace sallyport::dataplane
