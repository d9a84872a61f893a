// The session indices of the gateway: one space for all tunnels, as large as the dataplane's session table. The low
// bits of an index are its slot there, the upper bits are random, and index 0 is never given out. A slot is given out
// again only when the dataplane said that its session ended; slots wait in a queue, so that an index's slot rests as
// long as possible.
//
//   free ──allocate──▶ pending ──installed──▶ in use ──session ended──▶ free
//     ▲                   │
//     └─────release───────┘   (the handshake failed)
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "controlplane/wireguard/peer_handshake.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

// Which of a peer's keys a handshake was made with: a number of the peer's own. Sessions that were adopted do not say.
using KeyNumber = std::uint16_t;
inline constexpr KeyNumber key_numbers = 4094;  // from 0
inline constexpr KeyNumber unknown_key_number = 4094;

// A peer and one of its keys in one word: by this name its PeerHandshake asks for indices.
[[nodiscard]] wireguard::PeerId handshake_name(std::uint32_t peer_id, KeyNumber key) noexcept;

class SessionIndices final : public wireguard::IndexAllocator {
 public:
  explicit SessionIndices(wireguard::RandomSource random) : random_(std::move(random)) {}

  // A dataplane without sessions; `max_sessions` is a power of two. Before the first call nothing can be allocated.
  void reset(std::uint32_t max_sessions);
  // A dataplane with sessions: those in the statistics are in use, handshakes that are pending here stay so.
  void adopt(const abi::StatisticsView& statistics, std::uint64_t now_ns);

  // For a handshake_name().
  [[nodiscard]] std::optional<wireguard::LocalIndex> allocate(wireguard::PeerId peer) override;
  // Of a pending handshake; anything else is ignored.
  void release(wireguard::LocalIndex index) noexcept override;

  // The session was sent to the dataplane.
  void installed(wireguard::LocalIndex index, std::uint64_t session_id, std::uint64_t now_ns);
  // The dataplane refused it. If the slot is somebody else's, it stays out of use until the statistics show it free.
  void refused(wireguard::LocalIndex index, std::uint64_t session_id, bool slot_in_use, std::uint64_t now_ns);
  // True if it was in use: the slot is free now.
  bool ended(wireguard::LocalIndex index, std::uint64_t session_id) noexcept;

  struct Owner {
    std::uint32_t peer_id;     // abi::no_peer: nobody's that we know
    std::uint64_t session_id;  // 0: the handshake is pending
    KeyNumber key;
  };
  [[nodiscard]] std::optional<Owner> find(wireguard::LocalIndex index) const noexcept;
  void for_each_session(const std::function<void(wireguard::LocalIndex, const Owner&)>& visit) const;

  // Compares a few slots with what the dataplane says, in turn, and frees those whose end was never heard of (the event
  // ring was full). Calls `freed` for each. `slots` bounds the work.
  void reconcile(const abi::StatisticsView& statistics, std::uint64_t now_ns, std::uint32_t slots,
                 const std::function<void(wireguard::LocalIndex, std::uint32_t peer_id)>& freed);

  [[nodiscard]] std::uint32_t in_use() const noexcept {
    return max_sessions_ - static_cast<std::uint32_t>(free_.size());
  }
  [[nodiscard]] std::uint32_t max_sessions() const noexcept { return max_sessions_; }

  // The statistics are at most this late.
  static constexpr std::uint64_t statistics_delay_ns = 2'000'000'000;

 private:
  struct Slot {
    std::uint32_t index = 0;  // 0: free
    std::uint32_t name = 0;   // the peer and its key
    std::uint64_t session_id = 0;
    std::uint64_t since_ns = 0;
  };
  [[nodiscard]] Slot* slot_of(std::uint32_t index) noexcept;
  [[nodiscard]] const Slot* slot_of(std::uint32_t index) const noexcept;
  [[nodiscard]] static Owner owner_of(const Slot& slot) noexcept;
  // Of the session that the dataplane has in the slot. `known` has the key if it is the same session.
  [[nodiscard]] static std::uint32_t name_of(const abi::SessionStatusValue& status, const Slot& known) noexcept;
  void free_slot(Slot& slot) noexcept;

  wireguard::RandomSource random_;
  std::uint32_t max_sessions_ = 0;
  std::vector<Slot> slots_;
  std::deque<std::uint32_t> free_;
  std::uint32_t reconcile_at_ = 0;
};

}  // namespace sallyport::controlplane
