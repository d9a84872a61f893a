// The state of a TCP connection as a gateway in its middle sees it (RFC 9293 section 3.3.2), in one word: a pure
// function from word, direction and flags to the next word. It says how long a flow is kept and which segments begin a
// connection; it does not judge sequence numbers, which is the ends' business.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/abi/flow.hpp"
#include "dataplane/forwarding/flow_direction.hpp"
#include "dataplane/packet/tcp.hpp"

namespace sallyport::dataplane {

// The word: abi::TcpState in bits 0-7, what else is remembered in bits 8 to 13. Bits from 16 on are the caller's and
// stay as they are. A new flow begins with zero and is stepped with the segment that opened it, or with the one that it
// was picked up by: that may go back.
inline constexpr std::uint32_t tcp_word_fin_from_opener = 1U << 8;
inline constexpr std::uint32_t tcp_word_fin_back = 1U << 9;
// It began in the middle of its connection, and who opened it is a guess. Until both ends have spoken it is
// `syn_received`, whatever was said: one end alone may say anything.
inline constexpr std::uint32_t tcp_word_picked_up = 1U << 10;
// Who has spoken since it was picked up, or since a RST.
inline constexpr std::uint32_t tcp_word_spoke_from_opener = 1U << 11;
inline constexpr std::uint32_t tcp_word_spoke_back = 1U << 12;
// Both ends sent a SYN, and each before it had the other's (RFC 9293 figure 8).
inline constexpr std::uint32_t tcp_word_both_opened = 1U << 13;
inline constexpr std::uint32_t tcp_word_mask = 0xffff;

[[nodiscard]] constexpr abi::TcpState tcp_state(std::uint32_t word) noexcept {
  return static_cast<abi::TcpState>(word & 0xff);
}

enum class TcpOutcome : std::uint8_t {
  passes,
  // A SYN in a flow that is closing, closed or was picked up: another connection with the same ports, and the policy
  // decides anew, with the sender of this packet as the opener (it may be the former responder). This flow goes on if
  // the sender has no right to open one. TcpStep::word is the new flow's.
  reopens,
  // No end sends such flags, or not in this state: drop it; the word stays. A SYN against the direction of a flow is
  // such a segment: the right to answer is no right to open.
  invalid,
};

struct TcpStep {
  std::uint32_t word;  // the same as before: nothing to store
  TcpOutcome outcome;
};

// SYN, SYN ACK, ACK, FIN ACK, RST, RST ACK; PSH, URG, ECE and CWR do not count. RFC 9293 section 3.10.7.4: behind a
// SYN every segment carries an ACK.
[[nodiscard]] constexpr bool are_tcp_flags_valid(std::uint8_t flags) noexcept {
  switch (flags & (tcp_flag_syn | tcp_flag_ack | tcp_flag_fin | tcp_flag_rst)) {
    case tcp_flag_syn:
    case tcp_flag_syn | tcp_flag_ack:
    case tcp_flag_ack:
    case tcp_flag_fin | tcp_flag_ack:
    case tcp_flag_rst:
    case tcp_flag_rst | tcp_flag_ack:
      return true;
    default:
      return false;
  }
}

// A flow begins with a SYN alone.
[[nodiscard]] constexpr bool tcp_may_open(std::uint8_t flags) noexcept {
  return (flags & (tcp_flag_syn | tcp_flag_ack | tcp_flag_fin | tcp_flag_rst)) == tcp_flag_syn;
}

// Shortly after a start, a flow may also begin in the middle of its connection.
[[nodiscard]] constexpr bool tcp_may_pick_up(std::uint8_t flags) noexcept {
  return are_tcp_flags_valid(flags) && (flags & (tcp_flag_syn | tcp_flag_ack | tcp_flag_rst)) == tcp_flag_ack;
}

namespace detail {
[[nodiscard]] TcpStep track_tcp_change(std::uint32_t word, FlowDirection direction, std::uint8_t flags) noexcept;
}

// Any thread. `flags` is the flags byte of the TCP header.
[[nodiscard]] inline TcpStep track_tcp(std::uint32_t word, FlowDirection direction, std::uint8_t flags) noexcept {
  constexpr std::uint8_t all = tcp_flag_syn | tcp_flag_ack | tcp_flag_fin | tcp_flag_rst;
  if ((flags & all) == tcp_flag_ack && tcp_state(word) == abi::TcpState::established) [[likely]]
    return {word, TcpOutcome::passes};
  return detail::track_tcp_change(word, direction, flags);
}

// The same for a word that workers share.
[[nodiscard]] inline TcpOutcome step_tcp(std::atomic<std::uint32_t>& state, FlowDirection direction,
                                         std::uint8_t flags) noexcept {
  std::uint32_t word = state.load(std::memory_order_relaxed);
  while (true) {
    const TcpStep step = track_tcp(word, direction, flags);
    if (step.outcome != TcpOutcome::passes || step.word == word) return step.outcome;
    // The word is all that it tells, so relaxed. Fails only when the other direction's worker was faster, and a state
    // moves a few times in all.
    if (state.compare_exchange_weak(word, step.word, std::memory_order_relaxed)) return step.outcome;
  }
}

}  // namespace sallyport::dataplane
