// Where a packet goes: the value that a route look-up yields.
#pragma once

#include <cstdint>
#include <limits>

namespace sallyport::dataplane {

// Of an entry in RouteTable. Entry 0 is "no route": its kind is NextHopKind::none, so a miss needs no branch of its
// own. An index that a look-up gave stays valid until the worker's next quiescent state.
enum class RouteIndex : std::uint32_t { none = 0 };

enum class NextHopKind : std::uint8_t {
  none = 0,   // no route
  peer,       // into a tunnel: peer_id
  port,       // out of port_index, to neighbour_index
  connected,  // out of port_index, to the destination itself as the neighbour
  local,      // an address of the gateway; port_index if it belongs to a port
  blackhole,  // dropped on purpose
};

inline constexpr std::uint32_t no_neighbour = std::numeric_limits<std::uint32_t>::max();

// 16 bytes, four to a cache line.
struct alignas(16) RouteEntry {
  NextHopKind kind = NextHopKind::none;
  std::uint8_t port_index = 0xff;      // 0xff: none (abi::no_port)
  std::uint32_t peer_id = 0xffffffff;  // 0xffffffff: none (abi::no_peer)
  std::uint32_t neighbour_index = no_neighbour;

  friend bool operator==(const RouteEntry&, const RouteEntry&) = default;
};
static_assert(sizeof(RouteEntry) == 16);

}  // namespace sallyport::dataplane
