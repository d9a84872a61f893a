// A packet in the pipeline: an mbuf, and in the mbuf's private area what the stages have learnt about it. Whoever holds
// the packet owns both; nothing here is shared between threads.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/abi/counters.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/packet/icmp_error.hpp"
#include "dataplane/packet/ip_parse.hpp"

namespace sallyport::dataplane {

using Packet = rte_mbuf;

// What the next thread that takes a packet from a ring is asked to do with it.
enum class Task : std::uint8_t {
  none = 0,
  // For a worker.
  open,   // a data message for a session that this worker owns; data starts at the message
  route,  // an IP packet of the gateway's own, or one that was held and is judged anew: look up its route and send it
  seal,   // an empty packet, a keepalive, for `destination_peer`
  transmit,  // a complete frame for `tx_port`
  // For housekeeping.
  own_address,        // ARP, ND, ICMP to one of our addresses, or what the host interface may take; starts at Ethernet
  own_inner_address,  // an IP packet from a peer or an inside port to one of our addresses; starts at the IP header
  handshake,          // a handshake message with a valid MAC1; starts at the UDP payload, mac2_valid tells the rest
  stage,              // an IP packet for `destination_peer`, which has no usable session
  resolve,            // an IP packet for `neighbour_index` on `tx_port`, whose MAC address is not known
  glean,              // an IP packet for an on-link destination on `tx_port` without a neighbour yet
  icmp_error,         // drop with `drop_reason`, answered by the ICMP error in meta.icmp
  hold_for_owner,     // a data message of a session whose owner is being moved
};

// Where the data pointer of a packet stands.
enum class Layer : std::uint8_t { ethernet, ip, message };

// The ICMP error that answers a dropped packet.
struct IcmpErrorRequest {
  IcmpErrorKind kind;
  bool as_tcp_reset;  // a TCP segment is answered by a RST instead
  std::uint16_t mtu;  // packet_too_big alone
};

struct alignas(abi::cache_line_bytes) PacketMeta {
  std::uint8_t rx_port;  // logical port that received it, for the counters; no_port: the gateway originated it
  std::uint8_t tx_port;
  Task task;
  abi::DropReason drop_reason;     // Task::icmp_error
  std::uint32_t source_peer;       // no_peer: came in plain through an inside port, or is the gateway's own
  std::uint32_t destination_peer;  // once routed into a tunnel
  std::uint32_t neighbour_index;   // once routed out of a port
  std::uint32_t opened_session;    // the index of the session that it came through; 0: none
  // Up to the open stage the session that a data message names, behind it the routes of its inner addresses.
  union {
    std::uint32_t session_index;
    std::uint32_t source_route;
  };
  union {
    std::uint64_t counter;
    std::uint32_t destination_route;
  };
  // The IP packet at the data pointer, once parsed: the outer one, then the inner one.
  ParsedIp ip;
  // Offsets from buf_addr. The outer headers stay in the headroom after the packet was decrypted in place.
  std::uint16_t outer_offset;          // outer IP header
  std::uint16_t outer_payload_offset;  // UDP payload
  std::uint8_t outer_tos;
  Layer layer;
  bool outer_is_v6 : 1;
  bool mac2_valid : 1;
  bool passed_policy : 1;    // and waited, for its rate or a session: it is judged anew, and not charged again
  bool is_trusted : 1;       // the gateway's own: no source check, no policy
  bool took_hop : 1;         // its TTL and MSS are as they leave
  bool was_held : 1;         // it outlived a worker's turn, and source_life is set
  std::uint8_t source_life;  // Peer::life of source_peer
  IcmpErrorRequest icmp;     // Task::icmp_error
};
static_assert(sizeof(PacketMeta) == abi::cache_line_bytes);

inline PacketMeta& meta_of(Packet* packet) noexcept {
  return *static_cast<PacketMeta*>(rte_mbuf_to_priv(packet));
}
inline const PacketMeta& meta_of(const Packet* packet) noexcept {
  return *static_cast<const PacketMeta*>(rte_mbuf_to_priv(const_cast<Packet*>(packet)));
}

// The bytes of a packet; every packet behind the classify stage is one segment.
inline std::span<std::uint8_t> bytes_of(Packet* packet) noexcept {
  return {rte_pktmbuf_mtod(packet, std::uint8_t*), packet->data_len};
}

// What every new packet starts from.
inline void reset_meta(Packet* packet, std::uint8_t rx_port) noexcept {
  PacketMeta& meta = meta_of(packet);
  meta = PacketMeta{};
  meta.rx_port = rx_port;
  meta.tx_port = abi::no_port;
  meta.source_peer = abi::no_peer;
  meta.destination_peer = abi::no_peer;
}

// A burst between two stages: packets, no ownership rules of its own. Never larger than `capacity`.
class Batch {
 public:
  static constexpr unsigned capacity = 256;

  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] unsigned room() const noexcept { return capacity - size_; }
  void push(Packet* packet) noexcept { packets_[size_++] = packet; }
  void clear() noexcept { size_ = 0; }
  void truncate(unsigned size) noexcept { size_ = size; }
  // Room to receive into; commit() what was written.
  [[nodiscard]] Packet** tail() noexcept { return packets_.data() + size_; }
  void commit(unsigned count) noexcept { size_ += count; }
  [[nodiscard]] Packet** begin() noexcept { return packets_.data(); }
  [[nodiscard]] Packet** end() noexcept { return packets_.data() + size_; }
  [[nodiscard]] Packet*& operator[](unsigned i) noexcept { return packets_[i]; }

 private:
  unsigned size_ = 0;
  std::array<Packet*, capacity> packets_;
};

}  // namespace sallyport::dataplane
