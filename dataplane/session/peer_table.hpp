// What workers know of a peer: the epoch of its access, the session to send with, and the path of its outer packets.
// Housekeeping writes; the rest of a peer (keys' names, timers, staged packets) is housekeeping's own
// (housekeeping/peer_record.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "config/base/ip.hpp"
#include "dataplane/abi/limits.hpp"
#include "dataplane/packet/ip_header_template.hpp"

namespace sallyport::dataplane {

// How packets reach a peer: the outer headers but for lengths, checksums and ECN, and the neighbour that takes them.
struct alignas(abi::cache_line_bytes) TunnelPath {
  // Line 0: copied in front of every packet. Not set: the peer cannot be reached.
  OuterHeaderTemplate outer;
  // Line 1.
  IpEndpoint remote;  // compared with the source of every authenticated packet
  IpEndpoint local;
  std::uint32_t neighbour_index;
  std::uint16_t inner_mtu;  // the smaller of the tunnel's MTU and what fits outer_mtu; 0 with no path
  std::uint16_t outer_mtu;  // the port's, or what a router on the way said; larger outer packets leave in fragments
  std::uint8_t port_index;
};
static_assert(offsetof(TunnelPath, remote) == abi::cache_line_bytes);
static_assert(sizeof(TunnelPath) == 2 * abi::cache_line_bytes);

struct alignas(abi::cache_line_bytes) Peer {
  // Line 0.
  // The session to send with; 0: none. Housekeeping decides; a worker that receives the first packet of a new session
  // moves it there at once. Release/acquire, though SessionTable::find_seal checks again.
  std::atomic<std::uint32_t> send_index;
  // Rises when what the policy gives the peer may have changed; flows remember it. Housekeeping stores (release),
  // workers load (acquire). Never 0 once the peer has lived, and never set back.
  std::atomic<std::uint32_t> access_epoch;
  std::atomic<std::uint16_t> tunnel_id;
  std::atomic<std::uint8_t> live;
  // Which of `paths` is in force. Housekeeping writes the other one and switches (release); it writes the former one
  // again only after a grace period.
  std::atomic<std::uint8_t> active_path;
  // Another one for each peer that gets this number, one after the other: what outlives a peer (flows, packets that are
  // held) remembers it beside the number. Housekeeping stores (relaxed) before `live` and the epoch, and only when no
  // worker is in a turn that saw the former owner; workers load, relaxed.
  std::atomic<std::uint8_t> life;

  // Lines 1 to 4.
  std::array<TunnelPath, 2> paths;

  [[nodiscard]] const TunnelPath& path() const noexcept {
    return paths[active_path.load(std::memory_order_acquire) & 1];
  }
};
static_assert(sizeof(Peer) == 5 * abi::cache_line_bytes);

class PeerTable {
 public:
  PeerTable(Peer* peers, std::uint32_t capacity) noexcept : peers_(peers), capacity_(capacity) {}
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  // `peer_id` must be below the capacity; ids in tables were checked when they came in.
  [[nodiscard]] Peer& operator[](std::uint32_t peer_id) const noexcept { return peers_[peer_id]; }

 private:
  Peer* peers_;
  std::uint32_t capacity_;
};

}  // namespace sallyport::dataplane
