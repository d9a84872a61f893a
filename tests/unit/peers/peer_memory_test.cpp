#include "controlplane/peers/peer_memory.hpp"

#include <set>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "controlplane/wireguard/constants.hpp"
#include "tests/unit/controlplane/gateway_lab.hpp"

namespace sallyport::controlplane::peer_memory_test {
namespace {

using testing::GatewayLab;

struct MemoryTest : ::testing::Test {
  PeerKey key(std::uint8_t number) {
    PeerKey key{lab.gateway.local->public_key, {}};
    key.peer[0] = number;
    return key;
  }
  // A peer of that number that was heard of, and whether it is still there.
  void meet(std::uint8_t number, bool stays) {
    if (stays) configured.insert(key(number));
    memory.timestamp_accepted(key(number), {{}, lab.now.boot}, lab.now);
    memory.endpoint_learned(key(number), *IpEndpoint::parse("198.51.100.7:1"), {}, lab.now);
  }

  GatewayLab lab;
  boost::asio::io_context loop;
  StateKeeper state{loop, [](const PublicKey&, const wireguard::Tai64n&) {}};
  std::set<PeerKey> configured;
  PeerMemory memory{lab.service, state, [this](const PeerKey& peer) { return configured.contains(peer); }};
};

TEST_F(MemoryTest, APeerThatGoesIsStillBoundByItsTimestamp) {
  meet(1, true);
  configured.clear();
  memory.note_departed(key(1));
  EXPECT_EQ(memory.sizes().endpoints, 0U);
  EXPECT_EQ(memory.sizes().timestamps, 1U);
  EXPECT_FALSE(state.pending().set.peer_endpoints.at(key(1)).remote.is_set()) << "the row is forgotten";
  EXPECT_TRUE(state.pending().set.timestamps.contains(key(1)));
}

TEST_F(MemoryTest, ATimestampLapsesAfterItsTwentyFourHours) {
  meet(1, false);
  memory.note_departed(key(1));
  memory.tick(0, lab.now);
  EXPECT_EQ(memory.sizes().timestamps, 1U);
  lab.now.boot += wireguard::timestamp_floor_lifetime;
  lab.now.wall += wireguard::timestamp_floor_lifetime;
  memory.tick(0, lab.now);
  EXPECT_EQ(memory.sizes().timestamps, 0U);
  EXPECT_TRUE(state.pending().forget.empty()) << "the state file forgets it by itself";
}

TEST_F(MemoryTest, ForgetsFirstWhoWentFirst) {
  for (std::uint8_t number = 1; number <= 5; ++number) {
    meet(number, false);
    memory.note_departed(key(number));
  }
  memory.forget_departed_beyond(2, lab.now);
  EXPECT_EQ(memory.sizes().timestamps, 2U);
  EXPECT_EQ(state.pending().forget, (std::vector{key(1), key(2), key(3)}));
}

TEST_F(MemoryTest, WhoCameBackIsNotForgotten) {
  meet(1, false);
  memory.note_departed(key(1));
  configured.insert(key(1));
  memory.forget_departed_beyond(0, lab.now);
  EXPECT_EQ(memory.sizes().timestamps, 1U);
  EXPECT_EQ(memory.sizes().departed, 0U);
}

TEST_F(MemoryTest, WhoeverIsNotConfiguredHasGone) {
  meet(1, true);
  meet(2, false);
  memory.note_all_departed();
  EXPECT_EQ(memory.sizes().endpoints, 1U);
  EXPECT_EQ(memory.sizes().departed, 1U);
}

TEST_F(MemoryTest, AnOperatorMayForgetATimestamp) {
  meet(1, true);
  memory.forget_timestamp(key(1));
  EXPECT_EQ(memory.sizes().timestamps, 0U);
  EXPECT_EQ(state.pending().forget, std::vector{key(1)});
}

}  // namespace
}  // namespace sallyport::controlplane::peer_memory_test
