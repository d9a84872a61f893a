#include "controlplane/tunnels/session_indices.hpp"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/controlplane/fake_dataplane.hpp"
#include "tests/unit/wireguard/lab.hpp"

namespace sallyport::controlplane::session_indices_test {
namespace {

using testing::FakeDataplane;
using wireguard::LocalIndex;
using wireguard::PeerId;

constexpr std::uint64_t second = 1'000'000'000;

std::uint32_t number(LocalIndex index) {
  return static_cast<std::uint32_t>(index);
}

TEST(SessionIndices, GivesNothingBeforeADataplaneIsKnown) {
  SessionIndices indices(wireguard::TestRandom(1));
  EXPECT_FALSE(indices.allocate(PeerId{1}));
  EXPECT_FALSE(indices.find(LocalIndex{7}));
  indices.release(LocalIndex{7});
  EXPECT_FALSE(indices.ended(LocalIndex{7}, 1));
}

TEST(SessionIndices, GivesEachSlotOnceAndNeverZero) {
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(64);
  std::set<std::uint32_t> slots;
  for (int i = 0; i < 64; ++i) {
    const auto index = indices.allocate(PeerId{1});
    ASSERT_TRUE(index);
    EXPECT_NE(number(*index), 0U);
    EXPECT_TRUE(slots.insert(number(*index) & 63).second);
  }
  EXPECT_FALSE(indices.allocate(PeerId{1}));
}

TEST(SessionIndices, NeverGivesIndexZeroWhateverTheRandomBits) {
  SessionIndices indices([](std::span<std::uint8_t> out) { std::fill(out.begin(), out.end(), std::uint8_t{0}); });
  indices.reset(2);
  const auto index = indices.allocate(PeerId{1});
  EXPECT_TRUE(!index || number(*index) != 0);
}

TEST(SessionIndices, DrawsTheUpperBitsAtRandom) {
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(1);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 100; ++i) {
    const auto index = indices.allocate(PeerId{1});
    seen.insert(number(*index));
    indices.release(*index);
  }
  EXPECT_GT(seen.size(), 95U);
}

TEST(SessionIndices, LetsAFreedSlotRestAsLongAsPossible) {
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(8);
  const auto first = indices.allocate(PeerId{1});
  indices.release(*first);
  for (int i = 0; i < 7; ++i) EXPECT_NE(number(*indices.allocate(PeerId{1})) & 7, number(*first) & 7);
  EXPECT_EQ(number(*indices.allocate(PeerId{1})) & 7, number(*first) & 7);
}

TEST(SessionIndices, FreesAnInstalledSlotOnlyWhenThatVerySessionEnds) {
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(4);
  const auto index = indices.allocate(PeerId{9});
  indices.installed(*index, 77, second);
  indices.release(*index);  // a handshake that is none any more
  EXPECT_TRUE(indices.find(*index));
  EXPECT_FALSE(indices.ended(*index, 76));
  EXPECT_FALSE(indices.ended(LocalIndex{number(*index) ^ 0x1000}, 77));
  EXPECT_TRUE(indices.ended(*index, 77));
  EXPECT_FALSE(indices.ended(*index, 77));
  EXPECT_FALSE(indices.find(*index));
}

TEST(SessionIndices, KeepsOffASlotThatTheDataplaneSaysIsInUseUntilItIsSeenFree) {
  FakeDataplane dataplane(4, 1);
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(1);
  const auto index = indices.allocate(PeerId{9});
  indices.installed(*index, 77, second);
  indices.refused(*index, 77, true, second);
  EXPECT_FALSE(indices.allocate(PeerId{9}));
  int freed = 0;
  indices.reconcile(dataplane.statistics(), 2 * second, 1, [&](LocalIndex, std::uint32_t) { ++freed; });
  EXPECT_FALSE(indices.allocate(PeerId{9})) << "the statistics may be late";
  indices.reconcile(dataplane.statistics(), 4 * second, 1, [&](LocalIndex, std::uint32_t) { ++freed; });
  EXPECT_EQ(freed, 1);
  EXPECT_TRUE(indices.allocate(PeerId{9}));
}

TEST(SessionIndices, AdoptsWhatTheDataplaneHas) {
  FakeDataplane dataplane(4, 8);
  abi::SessionStatusValue status{};
  status.state = abi::SessionState::current;
  status.index = 0xabc0 + 3;
  status.peer_id = 2;
  status.session_id = 55;
  dataplane.publish_session(3, status);
  status.index = 0x1001;  // a record that does not belong into its slot
  dataplane.publish_session(5, status);
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(8);
  indices.adopt(dataplane.statistics(), second);
  EXPECT_EQ(indices.in_use(), 2U);
  ASSERT_TRUE(indices.find(LocalIndex{0xabc3}));
  EXPECT_EQ(indices.find(LocalIndex{0xabc3})->session_id, 55U);
  std::set<std::uint32_t> slots;
  while (const auto index = indices.allocate(PeerId{1})) slots.insert(number(*index) & 7);
  EXPECT_EQ(slots, (std::set<std::uint32_t>{0, 1, 2, 4, 6, 7}));
}

TEST(SessionIndices, KnowWithWhichKeyASessionWasMade) {
  FakeDataplane dataplane(4, 8);
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(8);
  const auto index = indices.allocate(handshake_name(2, 17));
  ASSERT_TRUE(index);
  EXPECT_EQ(indices.find(*index)->peer_id, 2U);
  EXPECT_EQ(indices.find(*index)->key, 17);
  indices.installed(*index, 55, second);
  abi::SessionStatusValue status{};
  status.state = abi::SessionState::next;
  status.index = number(*index);
  status.peer_id = 2;
  status.session_id = 55;
  dataplane.publish_session(number(*index) & 7, status);
  indices.adopt(dataplane.statistics(), second);
  EXPECT_EQ(indices.find(*index)->key, 17) << "the same session, over another link";
  status.session_id = 56;
  dataplane.publish_session(number(*index) & 7, status);
  indices.adopt(dataplane.statistics(), second);
  EXPECT_EQ(indices.find(*index)->key, unknown_key_number) << "of another control plane";
  status.peer_id = 0xfff00000;  // no id
  dataplane.publish_session(number(*index) & 7, status);
  indices.adopt(dataplane.statistics(), second);
  EXPECT_EQ(indices.find(*index)->peer_id, abi::no_peer);
}

TEST(SessionIndices, HoldTheGreatestPeerAndKey) {
  SessionIndices indices(wireguard::TestRandom(1));
  indices.reset(8);
  for (const KeyNumber key : {KeyNumber{0}, KeyNumber{key_numbers - 1}, unknown_key_number}) {
    const auto index = indices.allocate(handshake_name(abi::max_peers_limit - 1, key));
    EXPECT_EQ(indices.find(*index)->peer_id, abi::max_peers_limit - 1);
    EXPECT_EQ(indices.find(*index)->key, key);
  }
}

}  // namespace
}  // namespace sallyport::controlplane::session_indices_test
