#include "dataplane/forwarding/tcp_tracker.hpp"

namespace sallyport::dataplane {
namespace {

using State = abi::TcpState;

constexpr std::uint32_t fins_both = tcp_word_fin_from_opener | tcp_word_fin_back;

std::uint32_t with_state(std::uint32_t word, State state) noexcept {
  return (word & ~std::uint32_t{0xff}) | static_cast<std::uint32_t>(state);
}

// The handshake: RFC 9293 section 3.5. What does not move it passes all the same: retransmissions, and the ACK by which
// an end with an old connection asks for a RST.
State after_handshake_step(State state, bool from_opener, std::uint8_t flags) noexcept {
  const bool syn = (flags & tcp_flag_syn) != 0;
  const bool ack = (flags & tcp_flag_ack) != 0;
  switch (state) {
    case State::none:
      return syn ? State::syn_sent : State::established;
    case State::syn_sent:
      return !from_opener && syn ? State::syn_received : state;  // without ACK: both opened (figure 8)
    case State::syn_received:
      return from_opener && ack ? State::established : state;
    default:
      return state;
  }
}

// RFC 9293 section 3.6. A FIN counts once the responder has answered; before, it belongs to an older connection.
std::uint32_t after_fin(std::uint32_t word, bool from_opener) noexcept {
  switch (tcp_state(word)) {
    case State::syn_received:
    case State::established:
    case State::closing:
      word |= from_opener ? tcp_word_fin_from_opener : tcp_word_fin_back;
      return with_state(word, (word & fins_both) == fins_both ? State::closed : State::closing);
    default:
      return word;
  }
}

}  // namespace

TcpStep detail::track_tcp_change(std::uint32_t word, FlowDirection direction, std::uint8_t flags) noexcept {
  const bool from_opener = direction == FlowDirection::from_opener;
  const State state = tcp_state(word);
  if (!are_tcp_flags_valid(flags)) return {word, TcpOutcome::invalid};
  if (state == State::none && !(from_opener && (tcp_may_open(flags) || tcp_may_pick_up(flags))))
    return {word, TcpOutcome::invalid};
  if ((flags & tcp_flag_rst) != 0) return {with_state(word, State::closed), TcpOutcome::passes};
  if (tcp_may_open(flags) && (state == State::closing || state == State::closed))
    return {with_state(word & ~tcp_word_mask, State::syn_sent), TcpOutcome::reopens};

  const std::uint32_t next = with_state(word, after_handshake_step(state, from_opener, flags));
  return {(flags & tcp_flag_fin) != 0 ? after_fin(next, from_opener) : next, TcpOutcome::passes};
}

}  // namespace sallyport::dataplane
