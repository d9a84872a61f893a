// The life of sessions and of what hangs from them: confirmation, roaming, staged packets, timers, the end. The
// WireGuard paper, sections 2.1, 6.1 to 6.5.
#include "config/base/clock.hpp"
#include "tests/integration/fixture.hpp"

namespace sallyport::integration {
namespace {

const IpAddress host = ip("10.0.0.7");

class Sessions : public IntegrationTest {
 protected:
  [[nodiscard]] Bytes to_ann(std::size_t bytes = 20) { return udp_packet(host, lab->ann.v4, bytes); }
  [[nodiscard]] Bytes from_ann() { return udp_packet(lab->ann.v4, host, 20); }
  [[nodiscard]] IpEndpoint endpoint_of(const WireguardPeer& peer) {
    lab->advance(300 * millisecond_ns);
    return lab->gateway->statistics().peer(peer.id)->endpoint;
  }
  template <typename Event>
  [[nodiscard]] std::vector<Event> new_events() {
    lab->control->events.clear();
    return lab->control->events_of<Event>();
  }
  void end_session(const WireguardPeer& peer) {
    lab->control->push(abi::RetireSession{.index = peer.gateway_index, .session_id = peer.session_id});
    lab->settle();
  }
};

// --- 6.3: current, next, previous ---

TEST_F(Sessions, BeginAsInitiatorWithAKeepalive) {
  lab->give_session(lab->ann);
  const auto plaintext = lab->only_inner(lab->ann);
  ASSERT_TRUE(plaintext) << lab->drops();
  EXPECT_TRUE(plaintext->empty());
}

TEST_F(Sessions, SendOnTheOldOneUntilTheNewOneIsConfirmed) {
  const WireguardPeer before = lab->ann;
  lab->give_session(lab->ann, abi::HandshakeRole::responder);
  EXPECT_TRUE(lab->sent().empty()) << "a responder waits";
  lab->put_packet(lan, to_ann());
  EXPECT_TRUE(lab->only_inner(before));
  static_cast<void>(new_events<abi::SessionConfirmed>());

  lab->put_inner(lab->ann, from_ann());
  EXPECT_EQ(lab->sent().size(), 1U);
  const auto confirmed = new_events<abi::SessionConfirmed>();
  ASSERT_EQ(confirmed.size(), 1U);
  EXPECT_EQ(confirmed[0].index, lab->ann.gateway_index);
  EXPECT_EQ(confirmed[0].session_id, lab->ann.session_id);
  lab->put_packet(lan, to_ann());
  EXPECT_TRUE(lab->only_inner(lab->ann));

  WireguardPeer old = before;
  old.next_counter = 100;
  lab->put_inner(old, from_ann());
  EXPECT_EQ(lab->sent().size(), 1U) << "what was under way on the previous one still passes";
  lab->put_packet(lan, to_ann());
  EXPECT_TRUE(lab->only_inner(lab->ann)) << "and moves nothing back";
}

TEST_F(Sessions, AreNotConfirmedByAForgedPacket) {
  const WireguardPeer before = lab->ann;
  lab->give_session(lab->ann, abi::HandshakeRole::responder);
  Bytes forged = lab->ann.seal(from_ann());
  forged.back() ^= 1;
  lab->put_message(lab->ann.endpoint, forged);
  lab->settle();
  EXPECT_TRUE(new_events<abi::SessionConfirmed>().empty());
  lab->put_packet(lan, to_ann());
  EXPECT_TRUE(lab->only_inner(before));
}

TEST_F(Sessions, EndWhenTheyAreReplacedTwice) {
  const WireguardPeer first = lab->ann;
  lab->give_session(lab->ann);
  lab->give_session(lab->ann);
  lab->settle();
  static_cast<void>(lab->sent());
  const auto ended = new_events<abi::SessionEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].index, first.gateway_index);
  EXPECT_EQ(ended[0].reason, abi::SessionEnd::replaced);
}

// --- 6.1: the end ---

TEST_F(Sessions, ExpireAndAreWiped) {
  lab->advance(181 * second_ns);
  const auto ended = new_events<abi::SessionEnded>();
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[0].reason, abi::SessionEnd::expired);
  auto& sessions = lab->gateway->tables().sessions;
  for (const auto& session : ended) {
    EXPECT_EQ(sessions.open_slot(sessions.slot_of(session.index)).key.algorithm(), dataplane::AeadAlgorithm::none);
    EXPECT_EQ(sessions.seal_slot(sessions.slot_of(session.index)).key.expose()[3], 0);
  }
  lab->put_inner(lab->ann, from_ann());
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::unknown_session), 1U);
}

TEST_F(Sessions, EndWithTheirPeer) {
  lab->control->push(abi::RemovePeer{.peer_id = lab->ann.id, .key = lab->ann.public_key});
  lab->settle();
  ASSERT_EQ(new_events<abi::SessionEnded>().size(), 1U);
  lab->put_inner(lab->ann, from_ann());
  lab->put_packet(lan, to_ann());  // its route is gone too: the answer goes to the inside
  const std::vector<Frame> frames = lab->sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].device, lan);
  EXPECT_EQ(lab->dropped(DropReason::unknown_session), 1U);
  EXPECT_EQ(lab->dropped(DropReason::no_route), 1U);
  lab->put_inner(lab->bob, udp_packet(lab->bob.v4, host, 20));
  EXPECT_EQ(lab->sent().size(), 1U) << "others do not notice";
}

TEST_F(Sessions, KeepTheirKeysUntilNoWorkerCanStillUseThem) {
  auto& tables = lab->gateway->tables();
  rte_rcu_qsbr_thread_register(tables.rcu, 0);
  rte_rcu_qsbr_thread_online(tables.rcu, 0);
  static_cast<void>(new_events<abi::SessionEnded>());
  end_session(lab->ann);
  EXPECT_TRUE(new_events<abi::SessionEnded>().empty());
  const auto& open = tables.sessions.open_slot(tables.sessions.slot_of(lab->ann.gateway_index));
  EXPECT_NE(open.key.algorithm(), dataplane::AeadAlgorithm::none);
  EXPECT_EQ(open.index.load(), 0U) << "but nobody finds it any more";
  rte_rcu_qsbr_quiescent(tables.rcu, 0);
  lab->settle();
  EXPECT_EQ(new_events<abi::SessionEnded>().size(), 1U);
  EXPECT_EQ(open.key.algorithm(), dataplane::AeadAlgorithm::none);
  rte_rcu_qsbr_thread_offline(tables.rcu, 0);
  rte_rcu_qsbr_thread_unregister(tables.rcu, 0);
}

TEST_F(Sessions, NeverReuseACounterWhenAnInstallIsRepeated) {
  const abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::initiator);
  lab->control->push(install);
  lab->settle();
  for (int i = 0; i < 5; ++i) lab->put_packet(lan, to_ann());
  lab->settle();
  lab->put_inner(lab->ann, from_ann(), 3);
  static_cast<void>(lab->sent());
  lab->control->push(install);
  lab->settle();
  lab->put_packet(lan, to_ann());
  const auto datagram = datagram_of(lab->only_packet(wan));
  ASSERT_TRUE(datagram);
  EXPECT_EQ(lab->ann.open(datagram->payload)->counter, 6U);
  lab->put_inner(lab->ann, from_ann(), 3);
  EXPECT_TRUE(lab->sent().empty()) << "the window was not reset";
}

TEST_F(Sessions, StopSendingBeforeTheCountersEnd) {
  auto& sessions = lab->gateway->tables().sessions;
  sessions.find_seal(lab->ann.gateway_index)->next_counter.store(~0ULL - 8192);
  for (int i = 0; i < 10; ++i) lab->put_packet(lan, to_ann());
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 10U);
  EXPECT_EQ(sessions.find_seal(lab->ann.gateway_index)->next_counter.load(), ~0ULL - 8192);
}

// --- the rules that a session comes with ---

TEST_F(Sessions, ServeAsManyPacketsAsTheirRulesSay) {
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::initiator);
  install.rules.reject_after_packets = 600;
  install.rules.rekey_after_packets = 300;
  lab->control->push(install);
  lab->settle();
  static_cast<void>(lab->sent());
  static_cast<void>(new_events<abi::RekeyWanted>());
  for (int i = 0; i < 299; ++i) lab->put_packet(lan, to_ann());
  lab->settle();
  EXPECT_EQ(lab->sent().size(), 299U) << "the keepalive was the first";
  lab->advance(second_ns);
  const auto wanted = new_events<abi::RekeyWanted>();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].reason, abi::RekeyReason::count);
  for (int i = 0; i < 400; ++i) lab->put_packet(lan, to_ann());
  EXPECT_LT(lab->sent().size(), 301U) << "what is left of 600, and whole batches alone";
  EXPECT_GT(lab->gateway->housekeeping().packets_held(), 0U);

  lab->put_message(lab->ann.endpoint, lab->ann.seal(from_ann(), 599));
  lab->settle();
  EXPECT_EQ(lab->sent().size(), 1U);
  lab->put_message(lab->ann.endpoint, lab->ann.seal(from_ann(), 600));
  lab->settle();
  EXPECT_TRUE(lab->sent().empty());
  EXPECT_EQ(lab->dropped(DropReason::session_expired), 1U);
}

TEST_F(Sessions, LookBackAsFarAsTheirRulesSay) {
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::initiator);
  install.rules.replay_window = 64;
  lab->control->push(install);
  lab->settle();
  static_cast<void>(lab->sent());
  for (const auto& [counter, passes] :
       {std::pair{1000U, true}, {936U, true}, {935U, false}, {999U, true}, {936U, false}}) {
    lab->put_message(lab->ann.endpoint, lab->ann.seal(from_ann(), counter));
    EXPECT_EQ(lab->sent().size(), passes ? 1U : 0U) << counter;
  }
  EXPECT_EQ(lab->dropped(DropReason::replayed), 2U);
}

TEST_F(Sessions, LiveAndAskByTheTimesOfTheirRules) {
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  install.rules.reject_after_s = 20;
  install.rules.rekey_after_sent_s = 5;
  install.rules.keepalive_after_s = 0;
  install.rules.answer_within_s = 0;
  lab->control->push(install);
  lab->settle();
  lab->put_inner(lab->ann, from_ann());
  static_cast<void>(lab->sent());
  lab->advance(12 * second_ns);
  EXPECT_TRUE(lab->sent().empty()) << "no keepalive is promised";
  EXPECT_TRUE(new_events<abi::RekeyWanted>().empty()) << "nothing was sent";
  lab->put_packet(lan, to_ann());
  EXPECT_EQ(lab->sent().size(), 1U);
  lab->advance(2 * second_ns);
  const auto wanted = new_events<abi::RekeyWanted>();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].reason, abi::RekeyReason::age);
  lab->advance(7 * second_ns);
  const auto ended = new_events<abi::SessionEnded>();
  ASSERT_FALSE(ended.empty());
  EXPECT_EQ(ended.back().reason, abi::SessionEnd::expired);
}

// --- 2.1: roaming ---

TEST_F(Sessions, FollowAPeerThatMoves) {
  WireguardPeer moved = lab->ann;
  moved.endpoint = *IpEndpoint::parse("[2001:db8::77]:999");
  moved.next_counter = 10;
  lab->put_inner(moved, from_ann());
  EXPECT_EQ(lab->sent().size(), 1U);
  EXPECT_EQ(endpoint_of(lab->ann), moved.endpoint);
  const auto events = new_events<abi::EndpointMoved>();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].endpoint, moved.endpoint);
  lab->put_packet(lan, to_ann());
  EXPECT_TRUE(lab->only_inner(moved)) << "out of the other family from now on";
  EXPECT_EQ(lab->counter(Counter::roamed), 1U);
}

TEST_F(Sessions, DoNotFollowWhoCannotProveIt) {
  lab->put_inner(lab->ann, from_ann(), 50);
  static_cast<void>(lab->sent());
  const IpEndpoint other = *IpEndpoint::parse("192.0.2.66:6");
  Bytes forged = lab->ann.seal(from_ann(), 51);
  forged[30] ^= 1;
  lab->put_message(other, forged);
  lab->put_message(other, lab->ann.seal(from_ann(), 50));  // replayed
  lab->settle();
  EXPECT_EQ(endpoint_of(lab->ann), lab->ann.endpoint);
  lab->put_message(other, lab->ann.seal(from_ann(), 49));  // authentic, but older than what came from elsewhere
  lab->settle();
  EXPECT_EQ(endpoint_of(lab->ann), lab->ann.endpoint);
  EXPECT_EQ(lab->counter(Counter::roamed), 0U);
}

TEST_F(Sessions, SurviveAStormOfMoves) {
  for (std::uint16_t port = 1; port <= 500; ++port)
    lab->put_message({.address = lab->ann.endpoint.address, .port = port}, lab->ann.seal(from_ann()));
  EXPECT_EQ(lab->sent().size(), 500U);
  EXPECT_EQ(endpoint_of(lab->ann).port, 500U);
}

TEST_F(Sessions, LetAnOldInstallNotOverrideWhereDataCameFrom) {
  abi::InstallSession late = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  const IpEndpoint from_handshake = *IpEndpoint::parse("192.0.2.200:2");
  late.endpoint = from_handshake;
  late.endpoint_seen_at_ns = boottime_ns() - second_ns;
  WireguardPeer moved = lab->bob;
  moved.endpoint = *IpEndpoint::parse("192.0.2.99:99");
  late.peer_id = lab->bob.id;
  lab->put_inner(moved, udp_packet(lab->bob.v4, host, 20));
  lab->settle();
  lab->control->push(late);
  lab->settle();
  static_cast<void>(lab->sent());
  EXPECT_EQ(endpoint_of(lab->bob), moved.endpoint);
}

// --- 6.4 to 6.6: packets that wait, and timers ---

TEST_F(Sessions, OfAHandshakeThatMayBeAReplayMoveNoEndpointUntilTheyCarryData) {
  const IpEndpoint at_home = lab->ann.endpoint, elsewhere = *IpEndpoint::parse("192.0.2.66:6666");
  lab->put_inner(lab->ann, from_ann());
  ASSERT_EQ(endpoint_of(lab->ann), at_home);
  abi::InstallSession install = lab->new_session(lab->ann, abi::HandshakeRole::responder);
  install.endpoint = elsewhere;
  install.endpoint_seen_at_ns = 0;
  lab->control->push(install);
  EXPECT_EQ(endpoint_of(lab->ann), at_home);
  lab->ann.endpoint = elsewhere;
  lab->put_inner(lab->ann, from_ann());
  EXPECT_EQ(endpoint_of(lab->ann), elsewhere);
}

TEST_F(Sessions, KeepPacketsUntilAHandshakeCompletes) {
  end_session(lab->ann);
  static_cast<void>(new_events<abi::SessionWanted>());
  for (std::size_t i = 0; i < 3; ++i) lab->put_packet(lan, to_ann(10 + i));
  EXPECT_TRUE(lab->sent().empty());
  const auto wanted = new_events<abi::SessionWanted>();
  ASSERT_EQ(wanted.size(), 1U) << "not one for each packet";
  EXPECT_EQ(wanted[0].peer_id, lab->ann.id);
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 3U);

  lab->give_session(lab->ann);
  const std::vector<Frame> frames = lab->sent();
  ASSERT_EQ(frames.size(), 3U) << "and no keepalive besides";
  for (std::size_t i = 0; i < 3; ++i) {
    const auto data = lab->ann.open(datagram_of(payload_of(frames[i].bytes))->payload);
    ASSERT_TRUE(data);
    EXPECT_EQ(data->counter, i);
    EXPECT_EQ(get16(data->plaintext, 2), 38 + i) << "in order";
  }
}

TEST_F(Sessions, KeepPacketsUntilTheResponderIsConfirmed) {
  end_session(lab->ann);
  lab->put_packet(lan, to_ann());
  lab->give_session(lab->ann, abi::HandshakeRole::responder);
  EXPECT_TRUE(lab->sent().empty());
  lab->put_message(lab->ann.endpoint, lab->ann.seal({}));
  EXPECT_TRUE(lab->only_inner(lab->ann)) << lab->drops();
}

TEST_F(Sessions, KeepTheLast128PacketsOfAPeer) {
  end_session(lab->ann);
  for (std::size_t i = 0; i < 200; ++i) lab->put_packet(lan, to_ann(i));
  lab->settle();
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 128U);
  EXPECT_EQ(lab->dropped(DropReason::staging_full), 72U);
  lab->give_session(lab->ann);
  const std::vector<Frame> frames = lab->sent();
  ASSERT_EQ(frames.size(), 128U);
  EXPECT_EQ(get16(lab->ann.open(datagram_of(payload_of(frames[0].bytes))->payload)->plaintext, 2), 28 + 72U)
      << "the oldest went first";
}

TEST_F(Sessions, GiveUpOnPacketsThatWaitedTooLong) {
  end_session(lab->ann);
  lab->put_packet(lan, to_ann());
  lab->settle();
  lab->advance(91 * second_ns);
  EXPECT_EQ(lab->dropped(DropReason::no_session), 1U);
  EXPECT_EQ(lab->gateway->housekeeping().packets_held(), 0U);
}

TEST_F(Sessions, TellTheSenderThatAPeerHasNoEndpoint) {
  WireguardPeer silent = lab->ann;
  silent.id = 12;
  silent.v4 = ip("10.8.0.12");
  silent.v6 = ip("fd08::12");
  silent.public_key[0] ^= 0xff;
  lab->add_peer(silent);
  lab->settle();
  lab->put_packet(lan, udp_packet(host, silent.v4, 20));
  lab->settle();
  EXPECT_EQ(lab->dropped(DropReason::no_endpoint), 1U);
  static_cast<void>(lab->sent());
}

TEST_F(Sessions, SendAKeepaliveTenSecondsAfterDataThatWasNotAnswered) {
  lab->put_inner(lab->ann, from_ann());
  EXPECT_EQ(lab->sent().size(), 1U);
  lab->advance(300 * millisecond_ns);
  lab->advance(9 * second_ns);
  EXPECT_TRUE(lab->sent().empty());
  lab->advance(1200 * millisecond_ns);
  const auto plaintext = lab->only_inner(lab->ann);
  ASSERT_TRUE(plaintext);
  EXPECT_TRUE(plaintext->empty());
  EXPECT_EQ(lab->counter(Counter::keepalives_sent), 3U) << "two began the sessions";
  lab->advance(30 * second_ns);
  EXPECT_TRUE(lab->sent().empty()) << "once";
}

TEST_F(Sessions, SendNoKeepaliveAfterAKeepalive) {
  lab->put_message(lab->ann.endpoint, lab->ann.seal({}));
  lab->settle();
  lab->advance(300 * millisecond_ns);
  lab->advance(11 * second_ns);
  EXPECT_TRUE(lab->sent().empty());
}

TEST_F(Sessions, SendPersistentKeepalivesToWhoeverWantsThem) {
  abi::SetPeer set = lab->peer_command(lab->ann);
  set.persistent_keepalive_s = 25;
  lab->control->push(set);
  lab->settle();
  lab->advance(300 * millisecond_ns);
  lab->advance(24 * second_ns);
  EXPECT_TRUE(lab->sent().empty());
  lab->advance(1500 * millisecond_ns);
  EXPECT_TRUE(lab->only_inner(lab->ann));
}

TEST_F(Sessions, AskForANewSessionWhenTheyAreTwoMinutesOldAndUsed) {
  lab->advance(121 * second_ns);
  EXPECT_TRUE(new_events<abi::RekeyWanted>().empty()) << "nobody uses it";
  lab->put_packet(lan, to_ann());
  lab->settle();
  lab->advance(300 * millisecond_ns);
  const auto wanted = new_events<abi::RekeyWanted>();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].index, lab->ann.gateway_index);
  EXPECT_EQ(wanted[0].reason, abi::RekeyReason::age);
  lab->put_packet(lan, to_ann());
  lab->settle();
  lab->advance(300 * millisecond_ns);
  EXPECT_TRUE(new_events<abi::RekeyWanted>().empty()) << "once";
}

TEST_F(Sessions, DoNotAskAsResponder) {
  lab->give_session(lab->ann, abi::HandshakeRole::responder);
  lab->put_inner(lab->ann, from_ann());
  lab->settle();
  lab->advance(121 * second_ns);
  lab->put_packet(lan, to_ann());
  lab->put_inner(lab->ann, from_ann());
  lab->settle();
  lab->advance(300 * millisecond_ns);
  EXPECT_TRUE(new_events<abi::RekeyWanted>().empty());
}

TEST_F(Sessions, AskForANewSessionWhenNothingComesBack) {
  lab->put_packet(lan, to_ann());
  lab->settle();
  lab->advance(300 * millisecond_ns);
  lab->advance(16 * second_ns);
  const auto wanted = new_events<abi::RekeyWanted>();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].reason, abi::RekeyReason::no_answer);
}

TEST_F(Sessions, GiveWayToAnotherIndexInTheirSlotOnlyOnceTheyAreGone) {
  abi::InstallSession guess = lab->new_session(lab->bob, abi::HandshakeRole::initiator);
  guess.index = lab->ann.gateway_index + (1U << 20);  // the slot of ann's
  const std::uint64_t refused = lab->control->push(guess);
  lab->settle();
  EXPECT_EQ(lab->control->refusal_of(refused), abi::Refusal::slot_in_use);
  end_session(lab->ann);
  const std::uint64_t accepted = lab->control->push(guess);
  lab->settle();
  EXPECT_EQ(lab->control->refusal_of(accepted), abi::Refusal::none);
  static_cast<void>(lab->sent());
}

}  // namespace
}  // namespace sallyport::integration
