#include "dataplane/forwarding/tcp_tracker.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "dataplane/forwarding/flow_timeouts.hpp"

namespace sallyport::dataplane::tcp_tracker_test {
namespace {

using State = abi::TcpState;
using Outcome = TcpOutcome;

constexpr FlowDirection opener = FlowDirection::from_opener;
constexpr FlowDirection back = FlowDirection::back;
constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32, ece = 64, cwr = 128;

struct Segment {
  FlowDirection direction;
  std::uint8_t flags;
  State after;
  Outcome outcome = Outcome::passes;
};

// The word after them all.
std::uint32_t follow(const std::vector<Segment>& segments, std::uint32_t word = 0) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const TcpStep step = track_tcp(word, segments[i].direction, segments[i].flags);
    EXPECT_EQ(step.outcome, segments[i].outcome) << "segment " << i;
    EXPECT_EQ(tcp_state(step.word), segments[i].after) << "segment " << i;
    word = step.word;
  }
  return word;
}

const std::vector<Segment> handshake{
    {opener, syn, State::syn_sent}, {back, syn | ack, State::syn_received}, {opener, ack, State::established}};
const std::uint32_t established = follow(handshake);

// RFC 9293 figures 6 and 12.
TEST(TcpTracker, FollowsAConnectionFromItsSynToItsLastAck) {
  follow({{opener, syn | ece | cwr, State::syn_sent},
          {back, syn | ack | ece, State::syn_received},
          {opener, ack, State::established},
          {opener, ack | psh, State::established},
          {back, ack | psh | urg, State::established},
          {opener, fin | ack, State::closing},
          {back, ack, State::closing},
          {back, ack | psh, State::closing},
          {back, fin | ack | psh, State::closed},
          {opener, ack, State::closed},
          {back, fin | ack, State::closed}});
  follow({{back, fin | ack, State::closing}, {opener, fin | ack, State::closed}, {back, ack, State::closed}},
         established);
}

// RFC 9293 figure 8.
TEST(TcpTracker, FollowsASimultaneousOpen) {
  follow({{opener, syn, State::syn_sent},
          {back, syn, State::syn_received},
          {back, syn, State::syn_received},
          {opener, syn | ack, State::established},
          {back, syn | ack, State::established},
          {opener, ack, State::established}});
}

TEST(TcpTracker, DoesNotMindWhatIsSentAgain) {
  follow({{opener, syn, State::syn_sent},
          {opener, syn, State::syn_sent},
          {back, syn | ack, State::syn_received},
          {opener, syn, State::syn_received},
          {back, syn | ack, State::syn_received},
          {opener, ack, State::established},
          {back, syn | ack, State::established},
          {opener, fin | ack, State::closing},
          {opener, fin | ack, State::closing},
          {back, fin | ack, State::closed},
          {back, fin | ack, State::closed}});
}

// RFC 9293 figure 10: the responder still has an old connection, and asks for the RST by an ACK.
TEST(TcpTracker, LetsAHalfOpenConnectionBeFoundOut) {
  follow({{opener, syn, State::syn_sent},
          {back, ack, State::syn_sent},
          {opener, rst, State::closed},
          {opener, syn, State::syn_sent, Outcome::reopens},
          {back, syn | ack, State::syn_received}});
}

// RFC 5961 section 4: a SYN in a connection is answered by an ACK, and changes nothing.
TEST(TcpTracker, ASynDoesNotEndAConnectionThatLives) {
  follow({{opener, syn, State::established}, {back, ack, State::established}}, established);
}

// The right to answer is no right to open.
TEST(TcpTracker, ASynAgainstTheDirectionOfAFlowIsInvalid) {
  follow({{back, syn, State::established, Outcome::invalid},
          {back, syn | psh | ece | cwr, State::established, Outcome::invalid}},
         established);
  follow({{opener, syn, State::syn_sent},
          {back, syn | ack, State::syn_received},
          {back, syn, State::syn_received, Outcome::invalid},
          {opener, ack, State::established}});
  const std::uint32_t both_opened = follow({{opener, syn, State::syn_sent},
                                            {back, syn, State::syn_received},
                                            {opener, syn | ack, State::established},
                                            {back, syn | ack, State::established}});
  follow({{back, syn, State::established, Outcome::invalid}}, both_opened);
}

TEST(TcpTracker, AFinOfAnOlderConnectionClosesNothing) {
  follow({{opener, syn, State::syn_sent},
          {back, fin | ack, State::syn_sent},
          {back, syn | ack, State::syn_received},
          {opener, ack, State::established},
          {opener, fin | ack, State::closing}});
}

TEST(TcpTracker, AResetFromEitherSideCloses) {
  for (const FlowDirection direction : {opener, back}) {
    std::uint32_t word = 0;
    for (const Segment& segment : handshake) {
      word = track_tcp(word, segment.direction, segment.flags).word;
      for (const std::uint8_t flags : {rst, static_cast<std::uint8_t>(rst | ack)})
        follow({{direction, flags, State::closed}, {opener, ack, State::closed}, {opener, ack, State::closed}}, word);
    }
  }
}

TEST(TcpTracker, ASynAfterTheEndReopensFromEitherSide) {
  for (const FlowDirection direction : {opener, back}) {
    const std::uint32_t closing = track_tcp(established, opener, fin | ack).word;
    const std::uint32_t closed = track_tcp(closing, back, fin | ack).word;
    for (const std::uint32_t word : {closing, closed}) {
      const TcpStep step = track_tcp(word, direction, syn);
      EXPECT_EQ(step.outcome, Outcome::reopens);
      EXPECT_EQ(step.word, static_cast<std::uint32_t>(State::syn_sent));
    }
  }
}

// RFC 5961 section 3: an end ignores a RST that is not exactly where it should be.
TEST(TcpTracker, AResetThatBothEndsIgnoredEndsNothing) {
  for (const FlowDirection direction : {opener, back}) {
    follow({{direction, rst, State::closed},
            {opener, ack | psh, State::closed},
            {opener, ack, State::closed},
            {back, ack, State::established},
            {opener, fin | ack, State::closing},
            {back, fin | ack, State::closed}},
           established);
    follow({{direction, rst, State::closed},
            {back, ack, State::closed},
            {opener, rst, State::closed},  // it did not ignore it
            {opener, rst | ack, State::closed},
            {back, ack, State::closed},
            {back, fin | ack, State::closed}},
           established);
    follow({{back, fin | ack, State::closing},
            {direction, rst, State::closed},
            {opener, ack, State::closed},
            {back, ack, State::closing},
            {opener, fin | ack, State::closed},
            {back, ack, State::closed}},
           established);
  }
}

TEST(TcpTracker, PicksUpAConnectionInItsMiddleOnceBothEndsHaveSpoken) {
  for (const auto& [first, second] : {std::pair{opener, back}, std::pair{back, opener}}) {
    follow({{first, ack, State::syn_received},
            {first, ack | psh, State::syn_received},
            {first, syn | ack, State::syn_received},
            {second, ack, State::established},
            {first, ack, State::established},
            {opener, fin | ack, State::closing},
            {back, fin | ack, State::closed},
            {opener, ack, State::closed}});
    follow({{first, fin | ack, State::syn_received},
            {first, fin | ack, State::syn_received},
            {second, ack, State::closing},
            {second, fin | ack, State::closed}});
    follow({{first, ack, State::syn_received},
            {second, rst, State::closed},
            {first, ack, State::closed},
            {second, ack, State::established}});
  }
}

TEST(TcpTracker, AFlowThatWasPickedUpTakesNoSyn) {
  for (const FlowDirection first : {opener, back}) {
    const std::uint32_t one_spoke = track_tcp(0, first, ack).word;
    const std::uint32_t both_spoke = track_tcp(track_tcp(one_spoke, opener, ack).word, back, ack).word;
    ASSERT_EQ(tcp_state(both_spoke), State::established);
    for (const std::uint32_t word : {one_spoke, both_spoke, track_tcp(both_spoke, back, fin | ack).word})
      for (const FlowDirection direction : {opener, back})
        EXPECT_EQ(track_tcp(word, direction, syn).outcome, Outcome::reopens) << "its sender needs a right of its own";
  }
}

TEST(TcpTracker, KnowsWhatMayBegin) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    const auto byte = static_cast<std::uint8_t>(flags);
    const unsigned core = flags & 0x17;
    EXPECT_EQ(tcp_may_open(byte), core == syn) << flags;
    EXPECT_EQ(tcp_may_pick_up(byte), core == ack || core == (ack | fin)) << flags;
    EXPECT_EQ(are_tcp_flags_valid(byte), core == syn || core == (syn | ack) || core == ack || core == (fin | ack) ||
                                             core == rst || core == (rst | ack))
        << flags;
  }
}

// Every word that is possible, and every flags byte.
TEST(TcpTracker, KeepsItsPromisesInEveryState) {
  constexpr std::uint32_t theirs = 0xabcd0000;
  for (std::uint32_t state = 0; state <= static_cast<std::uint32_t>(State::closed); ++state) {
    for (std::uint32_t bits = 0; bits < 64; ++bits) {
      const bool picked_up = (bits & 4) != 0;
      if (state == 0 && bits != 0) continue;
      for (unsigned flags = 0; flags < 256; ++flags) {
        for (const FlowDirection direction : {opener, back}) {
          const auto byte = static_cast<std::uint8_t>(flags);
          const std::uint32_t word = theirs | bits << 8 | state;
          const TcpStep step = track_tcp(word, direction, byte);
          const State after = tcp_state(step.word);
          SCOPED_TRACE(testing::Message() << "word " << word << " flags " << flags);
          EXPECT_EQ(step.word & ~tcp_word_mask, theirs);
          EXPECT_EQ(step.word, track_tcp(word, direction, byte & 0x17).word);
          if (!are_tcp_flags_valid(byte)) { EXPECT_EQ(step.outcome, Outcome::invalid); }
          if (step.outcome == Outcome::invalid) { EXPECT_EQ(step.word, word); }
          if (step.outcome == Outcome::reopens) { EXPECT_TRUE(tcp_may_open(byte)); }
          // The responder alone can take a connection out of syn_sent, but for a RST.
          if (state == 1 && !picked_up && direction == opener && after != State::syn_sent) {
            EXPECT_EQ(after, State::closed);
          }
          // A SYN against the direction passes in a simultaneous open alone.
          if (tcp_may_open(byte) && direction == back && step.outcome == Outcome::passes) {
            EXPECT_TRUE(state == 1 || state == 2);
            EXPECT_FALSE(picked_up);
          }
          // Nothing but a SYN leads out of closed, if both sent their FIN.
          if (state == 5 && (bits & 3) == 3 && after != State::closed) { EXPECT_EQ(step.outcome, Outcome::reopens); }
        }
      }
    }
  }
}

// RFC 5382 REQ-5, RFC 4787 REQ-5.
TEST(FlowTimeouts, AreThoseOfTheRfcs) {
  EXPECT_EQ(tcp_timeout_ms(State::syn_sent), 30'000U);
  EXPECT_EQ(tcp_timeout_ms(State::syn_received), 30'000U);
  EXPECT_GE(tcp_timeout_ms(State::established), (2 * 60 + 4) * 60'000U);
  EXPECT_GE(tcp_timeout_ms(State::closing), 4 * 60'000U);
  EXPECT_EQ(tcp_timeout_ms(State::closed), 10'000U);
  EXPECT_GE(udp_replied_timeout_ms, 2 * 60'000U);
}

}  // namespace
}  // namespace sallyport::dataplane::tcp_tracker_test
