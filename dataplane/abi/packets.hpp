// Packet slots: handshake messages on their way between the wire and the control plane (up: received, down: to send),
// and copies for a capture.
#pragma once

#include <array>
#include <cstdint>

#include "config/base/ip.hpp"
#include "dataplane/abi/commands.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/abi/spsc_ring.hpp"

namespace sallyport::abi {

inline constexpr std::size_t packet_slot_data_bytes = 1968;

// A UDP payload to a tunnel's port, MAC1 checked. Those with a valid MAC2 come through a ring of their own.
struct PacketUp {
  std::uint16_t version;
  std::uint16_t length_bytes;
  std::uint16_t tunnel_id;
  std::uint8_t port_index;
  std::uint8_t mac2_valid;
  std::uint64_t received_at_ns;
  IpEndpoint remote;
  IpEndpoint local;
  std::array<std::uint8_t, packet_slot_data_bytes> data;
};
static_assert(sizeof(PacketUp) == 2024);

// A UDP payload to send. It is not sent before the command `after_sequence` is applied (0: at once), and not at all if
// that command was refused.
struct PacketDown {
  std::uint16_t version;
  std::uint16_t length_bytes;
  std::uint16_t tunnel_id;  // its listen port is the source port
  std::uint8_t tos;         // of the outer header
  std::uint8_t reserved;
  std::uint64_t after_sequence;
  IpEndpoint remote;
  IpEndpoint local;  // unset: the port that reaches `remote` chooses
  std::array<std::uint8_t, packet_slot_data_bytes> data;
};
static_assert(sizeof(PacketDown) == 2024);

using PacketUpRing = SpscRing<PacketUp, packet_ring_slots>;
using PacketDownRing = SpscRing<PacketDown, packet_ring_slots>;

inline constexpr std::size_t capture_snap_bytes = 2000;

struct CapturedPacket {
  std::uint16_t version;
  std::uint16_t captured_bytes;  // in data
  std::uint32_t original_bytes;
  std::uint32_t capture_id;
  std::uint32_t peer_id;  // no_peer: none or not yet known
  std::uint64_t at_ns;
  CapturePoint point;
  std::uint8_t port_index;
  DropReason drop_reason;  // if point is dropped
  std::uint8_t link_type;  // 0: starts with an Ethernet header, 1: starts with an IP header
  std::uint32_t reserved;
  std::array<std::uint8_t, capture_snap_bytes> data;
};
static_assert(sizeof(CapturedPacket) == 2032);

using CaptureRing = SpscRing<CapturedPacket, capture_ring_slots>;

}  // namespace sallyport::abi
