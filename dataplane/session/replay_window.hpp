// The replay window of one receiving session: RFC 6479's ring of bits, in which the window moves without shifting. The
// ring has 8,192 bits, one word of which is always being reused, so the window spans up to 8,128 counters behind the
// newest, as WireGuard's in Linux; ESP's is smaller where the peer says so (RFC 4303, section 3.4.3). It is written by
// the session's owner worker alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sallyport::dataplane {

// 1 KiB of ring and a line for the newest counter: 1,088 bytes. All zero bytes are an empty window that accepts only
// counters above the newest, so sessions may come from zeroed memory; reset() says how far it reaches back.
class alignas(64) ReplayWindow {
 public:
  static constexpr std::uint64_t ring_bits = 8192;
  static constexpr std::uint64_t widest = ring_bits - 64;

  // Empty, and `counters` wide: 0 to `widest`.
  void reset(std::uint64_t counters) noexcept {
    *this = ReplayWindow{};
    width_ = counters;
  }

  // The cheap question before spending an AEAD: newest - width may still be accepted, newest - width - 1 not. Changes
  // nothing. `counter` is below 2^64 - 1; how far a session may count is its own matter.
  [[nodiscard]] bool would_accept(std::uint64_t counter) const noexcept {
    const std::uint64_t position = counter + 1;
    if (position > newest_position_) return true;
    return newest_position_ - position <= width_ && (word(position) & bit(position)) == 0;
  }

  // Call only after the AEAD tag verified: a forged packet must not move the window. False if the counter is too old
  // or was accepted before (perhaps a moment ago, in the same batch). RFC 6479.
  [[nodiscard]] bool accept(std::uint64_t counter) noexcept {
    if (!would_accept(counter)) return false;
    const std::uint64_t position = counter + 1;
    if (position > newest_position_) advance_to(position);
    word(position) |= bit(position);
    return true;
  }

  [[nodiscard]] bool empty() const noexcept { return newest_position_ == 0; }
  // The greatest counter accepted; 0 while the window is empty.
  [[nodiscard]] std::uint64_t newest() const noexcept { return empty() ? 0 : newest_position_ - 1; }

 private:
  static constexpr std::size_t word_bits = 64;
  static constexpr std::size_t ring_words = ring_bits / word_bits;

  static std::uint64_t bit(std::uint64_t position) noexcept { return 1ULL << (position % word_bits); }
  std::uint64_t& word(std::uint64_t position) noexcept { return ring_[position / word_bits % ring_words]; }
  const std::uint64_t& word(std::uint64_t position) const noexcept { return ring_[position / word_bits % ring_words]; }

  // Clears the words that the window enters: none for the next counter in most cases, all of them after a big jump.
  void advance_to(std::uint64_t position) noexcept {
    const std::uint64_t from = newest_position_ / word_bits;
    const std::uint64_t entered = position / word_bits - from;
    if (entered >= ring_words) {
      ring_.fill(0);
    } else {
      for (std::uint64_t i = 1; i <= entered; ++i) ring_[(from + i) % ring_words] = 0;
    }
    newest_position_ = position;
  }

  // Line 0: read for every packet. Counters count from 0; positions are one greater, so that 0 says "nothing yet".
  std::uint64_t newest_position_ = 0;
  std::uint64_t width_ = 0;
  // Lines 1 to 16: one of them is touched for a packet.
  alignas(64) std::array<std::uint64_t, ring_words> ring_{};
};
static_assert(sizeof(ReplayWindow) == 1024 + 64);

}  // namespace sallyport::dataplane
