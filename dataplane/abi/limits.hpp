// The bounds that both planes share. A message that exceeds one is refused by its reader.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport::abi {

// Raised whenever the same bytes mean something else below this folder; what a compiler sees is in layout.hpp. Both
// processes must agree exactly.
inline constexpr std::uint16_t version = 4;

inline constexpr std::size_t cache_line_bytes = 64;

inline constexpr unsigned max_ports = 16;
inline constexpr unsigned max_workers = 32;
inline constexpr unsigned max_tunnels = 64;
inline constexpr unsigned max_addresses = 8;  // of one port or tunnel
inline constexpr std::uint32_t max_peers_limit = 1U << 20;
inline constexpr std::uint32_t max_sessions_limit = 1U << 22;
inline constexpr unsigned max_neighbours_shown = 1024;

inline constexpr std::uint32_t no_peer = 0xffffffff;
inline constexpr std::uint8_t no_port = 0xff;

// Slots in each ring. Powers of two.
inline constexpr std::uint32_t command_ring_slots = 8192;
inline constexpr std::uint32_t event_ring_slots = 8192;
inline constexpr std::uint32_t packet_ring_slots = 1024;
inline constexpr std::uint32_t capture_ring_slots = 1024;

// Opaque to the dataplane, which holds it for the next control plane.
inline constexpr std::size_t checkpoint_bytes = std::size_t{4} << 20;

}  // namespace sallyport::abi
