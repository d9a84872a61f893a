#include "controlplane/wireguard/peer_handshake.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "controlplane/wireguard/cookie_reply.hpp"
#include "tests/unit/wireguard/lab.hpp"

namespace sallyport::wireguard::peer_handshake_test {
namespace {

using namespace std::chrono_literals;

void expect_same_session(const InstallSession& initiator, const InstallSession& responder) {
  EXPECT_EQ(initiator.role, Role::initiator);
  EXPECT_EQ(responder.role, Role::responder);
  EXPECT_TRUE(std::ranges::equal(initiator.keys.seal.expose(), responder.keys.open.expose()));
  EXPECT_TRUE(std::ranges::equal(initiator.keys.open.expose(), responder.keys.seal.expose()));
  EXPECT_FALSE(std::ranges::equal(initiator.keys.open.expose(), initiator.keys.seal.expose()));
  EXPECT_EQ(static_cast<std::uint32_t>(initiator.local_index), static_cast<std::uint32_t>(responder.remote_index));
  EXPECT_EQ(static_cast<std::uint32_t>(initiator.remote_index), static_cast<std::uint32_t>(responder.local_index));
}

// A handshake by hand, from one end to the other.
void complete(Endpoint& initiator, Endpoint& responder, const Instant& now) {
  const auto initiation = initiator.want(now);
  ASSERT_TRUE(initiation.send);
  EXPECT_EQ(initiation.send->destination, Destination::peer_endpoint);
  const auto answered = responder.receive(initiation.send->view(), now);
  ASSERT_TRUE(answered) << name_of(answered.error());
  ASSERT_TRUE(answered->install && answered->send);
  EXPECT_EQ(answered->send->destination, Destination::initiation_source);
  EXPECT_TRUE(answered->install->greatest_timestamp);
  const auto finished = initiator.receive(answered->send->view(), now);
  ASSERT_TRUE(finished) << name_of(finished.error());
  ASSERT_TRUE(finished->install);
  EXPECT_FALSE(finished->send);
  expect_same_session(*finished->install, *answered->install);
}

TEST(PeerHandshake, CompletesInBothDirectionsWithAndWithoutPresharedKey) {
  for (const bool with_preshared_key : {false, true}) {
    Pair pair(with_preshared_key);
    complete(pair.ann, pair.bob, at(10s));
    complete(pair.bob, pair.ann, at(20s));
    EXPECT_FALSE(pair.ann.handshake->handshaking());
    EXPECT_FALSE(pair.bob.handshake->next_deadline());
    EXPECT_EQ(pair.ann.indices.live.size(), 2U);  // of the two sessions, now the caller's
  }
}

TEST(PeerHandshake, FailsAtTheInitiatorWhenPresharedKeysDiffer) {
  Pair pair(true);
  pair.bob.know(pair.ann.local->public_key, {});
  const auto initiation = pair.ann.want(at(10s));
  const auto answered = pair.bob.receive(initiation.send->view(), at(10s));
  ASSERT_TRUE(answered);
  const auto refused = pair.ann.receive(answered->send->view(), at(10s));
  EXPECT_EQ(refused.error(), HandshakeError::decrypt_empty);
  EXPECT_TRUE(pair.ann.handshake->handshaking());
}

TEST(PeerHandshake, RefusesAPeerThatItDoesNotKnow) {
  Pair pair;
  Endpoint mallory(3);
  mallory.know(pair.bob.local->public_key);
  const auto initiation = mallory.want(at(10s));
  EXPECT_EQ(pair.bob.receive(initiation.send->view(), at(10s)).error(), HandshakeError::unknown_peer);
}

// Whoever knows two public keys can write an initiation that claims to be Ann's, up to the timestamp.
TEST(PeerHandshake, RefusesAClaimedIdentity) {
  Pair pair;
  TestRandom random(9);
  auto forged_identity = std::make_shared<LocalIdentity>();
  forged_identity->private_key = draw_private_key(random);
  forged_identity->public_key = pair.ann.local->public_key;
  auto keys = *make_peer_keys(*forged_identity, pair.bob.local->public_key, {});
  auto created = CreateInitiationJob{
      .id = TryId{1},
      .local = forged_identity,
      .peer = keys,
      .ephemeral = draw_private_key(random),
      .timestamp = Tai64n::from_wall(at(10s).wall),
      .local_index = LocalIndex{
          5}}.run();
  CookieJar jar;
  const auto bytes = jar.sign(created.outcome->message, *keys, at(10s).boot);
  EXPECT_EQ(pair.bob.receive(bytes, at(10s)).error(), HandshakeError::decrypt_timestamp);
  EXPECT_FALSE(pair.bob.handshake->greatest_timestamp());
  EXPECT_TRUE(pair.bob.indices.live.empty());
  complete(pair.ann, pair.bob, at(10s + 1ms));  // and it did not count as a flood
}

TEST(PeerHandshake, RefusesEveryDamagedByteOfBothMessages) {
  Pair pair;
  const auto initiation = pair.ann.want(at(10s));
  for (std::size_t i = 0; i < handshake_initiation_bytes - mac_bytes; ++i) {  // MAC2 is the dataplane's
    auto damaged = initiation.send->bytes;
    damaged[i] ^= 0x20;
    EXPECT_FALSE(pair.bob.receive(damaged, at(10s))) << i;
  }
  const auto answered = pair.bob.receive(initiation.send->view(), at(10s));
  ASSERT_TRUE(answered);
  for (std::size_t i = 0; i < handshake_response_bytes - mac_bytes; ++i) {
    auto damaged = answered->send->bytes;
    damaged[i] ^= 0x20;
    EXPECT_FALSE(pair.ann.receive(Bytes(damaged).first(answered->send->size), at(10s))) << i;
  }
  EXPECT_TRUE(pair.ann.receive(answered->send->view(), at(10s)));  // none of the forgeries spoiled the handshake
}

TEST(PeerHandshake, RefusesReplayedAndOlderInitiations) {
  Pair pair;
  const auto first = pair.ann.want(at(10s));
  const auto second = pair.ann.tick(at(16s));
  ASSERT_TRUE(second.send);
  EXPECT_TRUE(pair.bob.receive(second.send->view(), at(16s)));
  EXPECT_EQ(pair.bob.receive(second.send->view(), at(17s)).error(), HandshakeError::old_timestamp);
  EXPECT_EQ(pair.bob.receive(first.send->view(), at(17s)).error(), HandshakeError::old_timestamp);
  EXPECT_EQ(pair.bob.indices.live.size(), 1U);
}

TEST(PeerHandshake, AcceptsAClockThatJumpedBackWhenToldToForgetOrAfterADay) {
  Pair pair;
  complete(pair.ann, pair.bob, at(10s, std::chrono::years(100)));
  // Ann's process restarts without its floor, and the clock is right again.
  Endpoint reborn(1);
  reborn.know(pair.bob.local->public_key);
  const auto early = reborn.want(at(60s));
  EXPECT_EQ(pair.bob.receive(early.send->view(), at(60s)).error(), HandshakeError::old_timestamp);
  pair.bob.handshake->forget_timestamp();
  EXPECT_TRUE(pair.bob.receive(early.send->view(), at(60s)));

  Pair other;
  complete(other.ann, other.bob, at(10s, std::chrono::years(100)));
  Endpoint reborn_later(1);
  reborn_later.know(other.bob.local->public_key);
  const auto late = reborn_later.want(at(24h + 10s));
  EXPECT_TRUE(other.bob.receive(late.send->view(), at(24h + 10s)));
}

TEST(PeerHandshake, CallsASessionUnprovenWhoseInitiationMayBeAReplay) {
  Pair pair;
  const auto recorded = pair.ann.want(at(10s));
  const auto first = pair.bob.receive(recorded.send->view(), at(10s));
  ASSERT_TRUE(first && first->install);
  EXPECT_TRUE(first->install->unproven) << "nothing is known of the peer yet";
  const auto second = pair.ann.tick(at(16s));
  const auto answered = pair.bob.receive(second.send->view(), at(16s));
  ASSERT_TRUE(answered && answered->install);
  EXPECT_FALSE(answered->install->unproven);

  // A day of silence, then somebody sends what he recorded.
  const Instant later = at(24h + 20s);
  const auto replayed = pair.bob.receive(recorded.send->view(), later);
  ASSERT_TRUE(replayed && replayed->install);
  EXPECT_TRUE(replayed->install->unproven);
  EXPECT_EQ(pair.bob.handshake->greatest_timestamp(), answered->install->greatest_timestamp);
  // Had it been the peer after all, its clock set back, that holds from now on.
  pair.bob.handshake->on_session_confirmed(later, replayed->install->local_index);
  EXPECT_EQ(pair.bob.receive(recorded.send->view(), at(24h + 21s)).error(), HandshakeError::old_timestamp);
}

TEST(PeerHandshake, OurOwnClockMayJumpBackWithoutLockingUsOut) {
  Pair pair;
  complete(pair.ann, pair.bob, at(10s, std::chrono::years(50)));
  complete(pair.ann, pair.bob, at(200s, std::chrono::years(3)));
  // The peer was removed and configured again: the new object goes on after the old one.
  pair.ann.know(pair.bob.local->public_key);
  complete(pair.ann, pair.bob, at(400s, std::chrono::years(3)));
}

TEST(PeerHandshake, KeepsTheGreatestTimestampAcrossARestart) {
  Pair pair;
  const auto initiation = pair.ann.want(at(10s));
  ASSERT_TRUE(pair.bob.receive(initiation.send->view(), at(10s)));
  const auto saved = *pair.bob.handshake->greatest_timestamp();
  Endpoint reborn(2);
  reborn.know(pair.ann.local->public_key);
  reborn.handshake->restore_timestamp(saved, at(1s));
  EXPECT_EQ(reborn.receive(initiation.send->view(), at(20s)).error(), HandshakeError::old_timestamp);
}

TEST(PeerHandshake, RefusesInitiationsFasterThanTwentyMilliseconds) {
  Pair pair;
  std::vector<OutgoingMessage> initiations;
  for (int i = 0; i < 3; ++i) {
    pair.ann.handshake->reset();
    initiations.push_back(*pair.ann.want(at(10s + i * 20ms)).send);
  }
  EXPECT_TRUE(pair.bob.receive(initiations[0].view(), at(10s)));
  EXPECT_EQ(pair.bob.receive(initiations[1].view(), at(10s + 19ms)).error(), HandshakeError::flood);
  EXPECT_TRUE(pair.bob.receive(initiations[2].view(), at(10s + 20ms)));
}

// ---- timers ----

TEST(PeerHandshake, RetriesEveryFiveSecondsWithJitterAndANewInitiationForNinetySeconds) {
  Pair pair;
  auto& ann = pair.ann;
  std::vector<OutgoingMessage> sent;
  std::vector<bool> reresolved;
  std::chrono::nanoseconds now = 100s;
  const auto first = ann.want(at(now));
  sent.push_back(*first.send);
  reresolved.push_back(first.reresolve_endpoint);
  for (;;) {
    const auto deadline = *ann.handshake->next_deadline();
    const auto pause = deadline.time_since_epoch() - now;
    EXPECT_GE(pause, 5s);
    EXPECT_LE(pause, 5333ms);
    EXPECT_FALSE(ann.tick(at(deadline.time_since_epoch() - 1ns)).send);
    now = deadline.time_since_epoch();
    const auto actions = ann.tick(at(now));
    if (actions.gave_up) {
      EXPECT_EQ(actions.gave_up->tries, sent.size());
      break;
    }
    ASSERT_TRUE(actions.send);
    sent.push_back(*actions.send);
    reresolved.push_back(actions.reresolve_endpoint);
  }
  EXPECT_GE(now, 190s);
  EXPECT_LE(now, 196s);
  EXPECT_GE(sent.size(), 17U);
  EXPECT_LE(sent.size(), 18U);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(reresolved[i], i >= 1) << i;
    for (std::size_t j = 0; j < i; ++j) {
      const auto a = *parse_initiation(sent[i].view());
      const auto b = *parse_initiation(sent[j].view());
      EXPECT_NE(a.sender_index, b.sender_index);
      EXPECT_NE(a.ephemeral, b.ephemeral);
      EXPECT_NE(a.encrypted_timestamp, b.encrypted_timestamp);
    }
  }
  EXPECT_TRUE(ann.indices.live.empty());
  EXPECT_FALSE(ann.handshake->next_deadline());

  // New traffic starts a new attempt with its own ninety seconds.
  EXPECT_TRUE(ann.want(at(now + 1s)).send || ann.handshake->handshaking());
  EXPECT_LE(ann.handshake->tries(), 1U);
}

TEST(PeerHandshake, TrafficDuringAnAttemptRenewsItsNinetySeconds) {
  Pair pair;
  auto& handshake = *pair.ann.handshake;
  (void)pair.ann.want(at(0s));
  for (std::chrono::nanoseconds now = 1s; now < 300s; now += 1s) {
    (void)pair.ann.want(at(now));
    EXPECT_FALSE(pair.ann.tick(at(now)).gave_up);
  }
  bool gave_up = false;
  for (std::chrono::nanoseconds now = 300s; now < 400s && !gave_up; now += 1s)
    gave_up = pair.ann.tick(at(now)).gave_up.has_value();
  EXPECT_TRUE(gave_up);
  EXPECT_FALSE(handshake.handshaking());
}

TEST(PeerHandshake, SendsAtMostOneInitiationInFiveSeconds) {
  Pair pair;
  std::optional<std::chrono::nanoseconds> last;
  int sent = 0;
  for (std::chrono::nanoseconds now = 0s; now < 200s; now += 100ms) {
    for (const auto& actions : {pair.ann.want(at(now)), pair.ann.tick(at(now))}) {
      if (!actions.send) continue;
      EXPECT_TRUE(!last || now - *last >= 5s) << now.count();
      last = now;
      ++sent;
    }
    if (now == 50s) pair.ann.handshake->on_session_confirmed(at(now));  // ends the attempt, not the limit
  }
  EXPECT_GT(sent, 30);
}

TEST(PeerHandshake, IgnoresAWantThatCrossedTheSessionOnItsWay) {
  Pair pair;
  complete(pair.ann, pair.bob, at(10s));
  EXPECT_FALSE(pair.ann.want(at(10s + 1ms)).send);
  EXPECT_FALSE(pair.ann.handshake->handshaking());
  EXPECT_TRUE(pair.ann.want(at(15s)).send);
}

TEST(PeerHandshake, DefersAnEarlyWantInsteadOfLosingIt) {
  Pair pair;
  (void)pair.ann.want(at(10s));
  pair.ann.handshake->replace_keys(*make_peer_keys(*pair.ann.local, pair.bob.local->public_key, {}));
  EXPECT_FALSE(pair.ann.handshake->handshaking());
  EXPECT_FALSE(pair.ann.want(at(12s)).send);
  EXPECT_EQ(pair.ann.handshake->next_deadline(), at(15s).boot);
  EXPECT_FALSE(pair.ann.tick(at(15s - 1ns)).send);
  EXPECT_TRUE(pair.ann.tick(at(15s)).send);
}

TEST(PeerHandshake, StartsAtOnceAfterAReset) {
  Pair pair;
  complete(pair.ann, pair.bob, at(10s));
  pair.ann.handshake->reset();
  EXPECT_TRUE(pair.ann.want(at(10s + 20ms)).send);
}

TEST(PeerHandshake, TriesAgainWhenThePoolLostAJob) {
  Pair pair;
  auto& handshake = *pair.ann.handshake;
  auto lost = handshake.want_session(at(10s));
  ASSERT_TRUE(lost.create_initiation);
  const auto deadline = *handshake.next_deadline();
  auto next = handshake.on_timer({deadline, at(16s).wall});
  ASSERT_TRUE(next.create_initiation);
  EXPECT_EQ(handshake.on_initiation_created(std::move(*lost.create_initiation).run(), at(16s)).error(),
            HandshakeError::superseded);
  EXPECT_TRUE(handshake.on_initiation_created(std::move(*next.create_initiation).run(), at(16s)));
  EXPECT_EQ(pair.ann.indices.live.size(), 1U);
}

TEST(PeerHandshake, WaitsForAFreeIndex) {
  Pair pair;
  pair.ann.indices.exhausted = true;
  EXPECT_FALSE(pair.ann.want(at(10s)).send);
  pair.ann.indices.exhausted = false;
  EXPECT_TRUE(pair.ann.tick(at(16s)).send);

  pair.bob.indices.exhausted = true;
  pair.ann.handshake->reset();
  const auto initiation = pair.ann.want(at(20s));
  EXPECT_EQ(pair.bob.receive(initiation.send->view(), at(20s)).error(), HandshakeError::no_free_index);
}

// ---- races ----

TEST(PeerHandshake, IgnoresAStaleResponse) {
  Pair pair;
  const auto first = pair.ann.want(at(10s));
  const auto late = pair.bob.receive(first.send->view(), at(10s));
  const auto second = pair.ann.tick(at(16s));
  ASSERT_TRUE(second.send);
  EXPECT_EQ(pair.ann.receive(late->send->view(), at(16s)).error(), HandshakeError::no_pending_handshake);
  const auto answered = pair.bob.receive(second.send->view(), at(16s));
  EXPECT_TRUE(pair.ann.receive(answered->send->view(), at(16s)));
  EXPECT_EQ(pair.ann.receive(answered->send->view(), at(16s)).error(), HandshakeError::no_pending_handshake);
}

TEST(PeerHandshake, ALateJobForAResponseIsSuperseded) {
  Pair pair;
  const auto first = pair.ann.want(at(10s));
  const auto answered = pair.bob.receive(first.send->view(), at(10s));
  auto job = pair.ann.handshake->accept_response(*parse_response(answered->send->view()));
  ASSERT_TRUE(job);
  auto result = job->run();
  EXPECT_TRUE(pair.ann.tick(at(16s)).send);  // the timer was faster than the pool
  EXPECT_EQ(pair.ann.handshake->on_response_consumed(std::move(result), at(16s)).error(), HandshakeError::superseded);
}

TEST(PeerHandshake, BoundsTheResponsesUnderExamination) {
  Pair pair;
  const auto initiation = pair.ann.want(at(10s));
  HandshakeResponse forged{.sender_index = 1,
                           .receiver_index = parse_initiation(initiation.send->view())->sender_index};
  forged.ephemeral = pair.bob.local->public_key;
  forged.mac1 = mac1_of(serialise(forged), pair.ann.local->mac1_key);
  std::vector<ConsumeResponseJob> jobs;
  for (unsigned i = 0; i < responses_in_flight_max; ++i) jobs.push_back(*pair.ann.handshake->accept_response(forged));
  EXPECT_EQ(pair.ann.handshake->accept_response(forged).error(), HandshakeError::busy);
  for (const auto& job : jobs)
    EXPECT_EQ(pair.ann.handshake->on_response_consumed(job.run(), at(10s)).error(), HandshakeError::decrypt_empty);
  const auto answered = pair.bob.receive(initiation.send->view(), at(10s));
  EXPECT_TRUE(pair.ann.receive(answered->send->view(), at(11s)));
}

TEST(PeerHandshake, TheNewestInitiationWinsWhateverOrderThePoolFinishesIn) {
  Pair pair;
  const auto first = pair.ann.want(at(10s));
  const auto second = pair.ann.tick(at(16s));
  const auto accept = [&](const OutgoingMessage& message, const Instant& now) {
    auto identified = IdentifyInitiatorJob{pair.bob.local, *parse_initiation(message.view())}.run();
    return pair.bob.handshake->accept_initiation(std::move(*identified), now);
  };
  auto slow = accept(*first.send, at(16s));
  auto fast = accept(*second.send, at(16s + 30ms));
  ASSERT_TRUE(slow && fast);
  EXPECT_TRUE(pair.bob.handshake->on_response_created(std::move(*fast).run(), at(17s)));
  EXPECT_EQ(pair.bob.handshake->on_response_created(std::move(*slow).run(), at(17s)).error(),
            HandshakeError::superseded);
  EXPECT_EQ(pair.bob.indices.live.size(), 1U);
}

TEST(PeerHandshake, SimultaneousInitiationsGiveWorkingSessions) {
  Pair pair;
  const auto from_ann = pair.ann.want(at(10s));
  const auto from_bob = pair.bob.want(at(10s));
  const auto bob_answers = pair.bob.receive(from_ann.send->view(), at(10s));
  const auto ann_answers = pair.ann.receive(from_bob.send->view(), at(10s));
  ASSERT_TRUE(bob_answers && ann_answers);
  const auto ann_done = pair.ann.receive(bob_answers->send->view(), at(10s));
  const auto bob_done = pair.bob.receive(ann_answers->send->view(), at(10s));
  ASSERT_TRUE(ann_done && bob_done);
  expect_same_session(*ann_done->install, *bob_answers->install);
  expect_same_session(*bob_done->install, *ann_answers->install);
  EXPECT_FALSE(pair.ann.handshake->handshaking());
  EXPECT_FALSE(pair.bob.handshake->handshaking());
}

TEST(PeerHandshake, AConfirmedSessionEndsOurOwnAttempt) {
  Pair pair;
  (void)pair.bob.want(at(9s));  // lost on the way
  complete(pair.ann, pair.bob, at(10s));
  EXPECT_TRUE(pair.bob.handshake->handshaking());  // a response alone proves nothing
  pair.bob.handshake->on_session_confirmed(at(10s + 5ms));
  EXPECT_FALSE(pair.bob.handshake->handshaking());
  EXPECT_EQ(pair.bob.indices.live.size(), 1U);
}

TEST(PeerHandshake, ReturnsItsIndicesWhenThePeerIsRemoved) {
  Pair pair;
  const auto initiation = pair.ann.want(at(10s));
  auto identified = IdentifyInitiatorJob{pair.bob.local, *parse_initiation(initiation.send->view())}.run();
  auto job = pair.bob.handshake->accept_initiation(std::move(*identified), at(10s));
  ASSERT_TRUE(job);
  EXPECT_EQ(pair.ann.indices.live.size() + pair.bob.indices.live.size(), 2U);
  pair.ann.handshake.reset();
  pair.bob.handshake.reset();
  EXPECT_EQ(pair.ann.indices.live.size() + pair.bob.indices.live.size(), 0U);
}

TEST(PeerHandshake, ANewPresharedKeyHoldsFromTheNextHandshakeOn) {
  Pair pair;
  complete(pair.ann, pair.bob, at(10s));
  const Hash key = hash({as_bytes("new")});
  pair.ann.handshake->replace_keys(*make_peer_keys(*pair.ann.local, pair.bob.local->public_key, PresharedKey(key)));
  pair.bob.handshake->replace_keys(*make_peer_keys(*pair.bob.local, pair.ann.local->public_key, PresharedKey(key)));
  complete(pair.ann, pair.bob, at(20s));
}

// A gateway that gave its peer another preshared key, and has both; Ann has one of them.
struct ChangedPresharedKey {
  explicit ChangedPresharedKey(Preshared ann_has) {
    const Hash fresh = hash({as_bytes("new")}), former = hash({as_bytes("old")});
    pair.ann.handshake->replace_keys(*make_peer_keys(*pair.ann.local, bob.local->public_key,
                                                     PresharedKey(ann_has == Preshared::present ? fresh : former)));
    const auto known = *make_peer_keys(*bob.local, pair.ann.local->public_key, PresharedKey(former));
    bob.handshake->replace_keys(with_preshared_keys(*known, PresharedKey(fresh), PresharedKey(former)));
  }
  // Ann calls; whether she understood the answer. Then she confirms the session.
  bool ann_calls(const Instant& now) {
    auto initiation = pair.ann.want(now);
    if (!initiation.send) initiation = pair.ann.tick(now);
    auto answer = bob.receive(initiation.send->view(), now);
    if (!pair.ann.receive(answer->send->view(), now)) return false;
    bob.handshake->on_session_confirmed(now, answer->install->local_index);
    return true;
  }
  bool bob_calls(const Instant& now) {
    const auto initiation = bob.want(now);
    const auto answer = pair.ann.receive(initiation.send->view(), now);
    return bob.receive(answer->send->view(), now).has_value();
  }

  Pair pair;
  Endpoint& bob = pair.bob;
};

TEST(PeerHandshake, AnswersByTheNewPresharedKeyFirst) {
  ChangedPresharedKey changed(Preshared::present);
  EXPECT_TRUE(changed.ann_calls(at(10s)));
  EXPECT_TRUE(changed.ann_calls(at(20s)));
}

TEST(PeerHandshake, AnswersByTheFormerPresharedKeyWhereTheNewOneWasNotUnderstood) {
  ChangedPresharedKey changed(Preshared::former);
  EXPECT_FALSE(changed.ann_calls(at(10s)));
  EXPECT_TRUE(changed.ann_calls(at(16s)));
  EXPECT_TRUE(changed.ann_calls(at(136s)));  // what was proven last comes first
}

TEST(PeerHandshake, FindsThePresharedKeyThatThePeerTookUpMeanwhile) {
  ChangedPresharedKey changed(Preshared::former);
  EXPECT_FALSE(changed.ann_calls(at(10s)));
  EXPECT_TRUE(changed.ann_calls(at(16s)));
  changed.pair.ann.handshake->replace_keys(
      *make_peer_keys(*changed.pair.ann.local, changed.bob.local->public_key, PresharedKey(hash({as_bytes("new")}))));
  EXPECT_FALSE(changed.ann_calls(at(30s)));
  EXPECT_TRUE(changed.ann_calls(at(36s)));
}

TEST(PeerHandshake, UnderstandsAnAnswerByEitherPresharedKey) {
  for (const Preshared ann_has : {Preshared::present, Preshared::former}) {
    ChangedPresharedKey changed(ann_has);
    EXPECT_TRUE(changed.bob_calls(at(10s)));
    EXPECT_TRUE(changed.ann_calls(at(20s)));  // it is known by now which one she has
  }
}

TEST(PeerHandshake, ForgetsTheFormerPresharedKeyWithItsTime) {
  ChangedPresharedKey changed(Preshared::former);
  const PeerKeys& both = changed.bob.handshake->keys();
  changed.bob.handshake->replace_keys(with_preshared_keys(both, both.preshared_key.duplicate(), {}));
  for (unsigned seconds = 10; seconds < 40; seconds += 6)
    EXPECT_FALSE(changed.ann_calls(at(std::chrono::seconds(seconds))));
  EXPECT_FALSE(changed.bob_calls(at(60s)));
}

// ---- cookies ----

TEST(PeerHandshake, CarriesACookieInItsNextInitiation) {
  Pair pair;
  const Secret<32> secret(hash({as_bytes("secret")}));
  const CookieSource source = cookie_source(*IpEndpoint::parse("[2001:db8::7]:1234"));
  const auto first = pair.ann.want(at(10s));
  const auto message = *parse_initiation(first.send->view());
  EXPECT_EQ(message.mac2, Mac{});
  const auto reply = serialise(
      make_cookie_reply(secret, source, message.sender_index, message.mac1, pair.bob.local->cookie_key, CookieNonce{}));
  EXPECT_TRUE(pair.ann.receive(reply, at(10s + 10ms)));
  EXPECT_EQ(pair.ann.receive(reply, at(10s + 20ms)).error(), HandshakeError::unsolicited_cookie);
  const auto second = pair.ann.tick(at(16s));
  ASSERT_TRUE(second.send);
  EXPECT_TRUE(mac2_is_valid(second.send->view(), secret, source));
  EXPECT_TRUE(pair.bob.receive(second.send->view(), at(16s)));
}

TEST(PeerHandshake, TakesACookieForItsResponseToo) {
  Pair pair;
  const Secret<32> secret(hash({as_bytes("secret")}));
  const CookieSource source = cookie_source(*IpEndpoint::parse("192.0.2.1:51820"));
  const auto initiation = pair.ann.want(at(10s));
  const auto answered = pair.bob.receive(initiation.send->view(), at(10s));
  const auto response = *parse_response(answered->send->view());
  const auto reply = serialise(make_cookie_reply(secret, source, response.sender_index, response.mac1,
                                                 pair.ann.local->cookie_key, CookieNonce{}));
  EXPECT_TRUE(pair.bob.receive(reply, at(10s)));
  const auto retry = pair.ann.tick(at(16s));
  const auto second = pair.bob.receive(retry.send->view(), at(16s));
  ASSERT_TRUE(second);
  EXPECT_TRUE(mac2_is_valid(second->send->view(), secret, source));
}

}  // namespace
}  // namespace sallyport::wireguard::peer_handshake_test
