#include "dataplane/forwarding/tcp_tracker.hpp"

namespace sallyport::dataplane {
namespace {

using State = abi::TcpState;

constexpr std::uint32_t fins_both = tcp_word_fin_from_opener | tcp_word_fin_back;
constexpr std::uint32_t spoke_both = tcp_word_spoke_from_opener | tcp_word_spoke_back;

std::uint32_t with_state(std::uint32_t word, State state) noexcept {
  return (word & ~std::uint32_t{0xff}) | static_cast<std::uint32_t>(state);
}

// The handshake: RFC 9293 section 3.5. What does not move it passes all the same: retransmissions, and the ACK by which
// an end with an old connection asks for a RST.
State after_handshake_step(State state, bool from_opener, std::uint8_t flags) noexcept {
  const bool syn = (flags & tcp_flag_syn) != 0;
  const bool ack = (flags & tcp_flag_ack) != 0;
  switch (state) {
    case State::syn_sent:
      return !from_opener && syn ? State::syn_received : state;
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

// A flow of which one end's word is not enough: it began in the middle of its connection, or somebody sent a RST, which
// the ends may have ignored (RFC 5961 section 3). Once both have spoken it is what their FINs say.
std::uint32_t after_speaking(std::uint32_t word, bool from_opener, std::uint8_t flags) noexcept {
  word |= from_opener ? tcp_word_spoke_from_opener : tcp_word_spoke_back;
  if ((flags & tcp_flag_fin) != 0) word |= from_opener ? tcp_word_fin_from_opener : tcp_word_fin_back;
  if ((word & spoke_both) != spoke_both)
    return with_state(word, tcp_state(word) == State::closed ? State::closed : State::syn_received);
  if ((word & fins_both) == 0) return with_state(word, State::established);
  return with_state(word, (word & fins_both) == fins_both ? State::closed : State::closing);
}

// A bare SYN: it begins a connection, is sent again, or is a lie.
TcpStep after_syn(std::uint32_t word, bool from_opener) noexcept {
  const State state = tcp_state(word);
  if ((word & tcp_word_picked_up) != 0 || state == State::closing || state == State::closed)
    return {with_state(word & ~tcp_word_mask, State::syn_sent), TcpOutcome::reopens};
  if (from_opener) return {state == State::none ? with_state(word, State::syn_sent) : word, TcpOutcome::passes};
  if (state == State::syn_sent)
    return {with_state(word | tcp_word_both_opened, State::syn_received), TcpOutcome::passes};
  const bool is_sent_again = state == State::syn_received && (word & tcp_word_both_opened) != 0;
  return {word, is_sent_again ? TcpOutcome::passes : TcpOutcome::invalid};
}

}  // namespace

TcpStep detail::track_tcp_change(std::uint32_t word, FlowDirection direction, std::uint8_t flags) noexcept {
  const bool from_opener = direction == FlowDirection::from_opener;
  const State state = tcp_state(word);
  if (!are_tcp_flags_valid(flags)) return {word, TcpOutcome::invalid};
  if (state == State::none && !tcp_may_pick_up(flags) && !(from_opener && tcp_may_open(flags)))
    return {word, TcpOutcome::invalid};
  if ((flags & tcp_flag_rst) != 0) return {with_state(word & ~spoke_both, State::closed), TcpOutcome::passes};
  if (tcp_may_open(flags)) return after_syn(word, from_opener);
  if (state == State::none) word |= tcp_word_picked_up;
  if ((word & tcp_word_picked_up) != 0 || state == State::closed)
    return {after_speaking(word, from_opener, flags), TcpOutcome::passes};

  const std::uint32_t next = with_state(word, after_handshake_step(state, from_opener, flags));
  return {(flags & tcp_flag_fin) != 0 ? after_fin(next, from_opener) : next, TcpOutcome::passes};
}

}  // namespace sallyport::dataplane
