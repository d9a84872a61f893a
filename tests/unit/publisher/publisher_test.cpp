#include "controlplane/publisher/publisher.hpp"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "controlplane/tunnels/session_rules.hpp"
#include "tests/unit/controlplane/fake_dataplane.hpp"

namespace sallyport::controlplane::publisher_test {
namespace {

using testing::FakeDataplane;
constexpr std::uint64_t second = 1'000'000'000;

PublicKey key(std::uint32_t number) {
  PublicKey value{};
  value[0] = static_cast<std::uint8_t>(number);
  value[1] = static_cast<std::uint8_t>(number >> 8);
  value[31] = 1;
  return value;
}

IpPrefix host(std::uint32_t number) {
  return IpPrefix::host(IpAddress::v4(10, static_cast<std::uint8_t>(number >> 16),
                                      static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)));
}

void add_tunnel(DesiredState& state, std::uint16_t id) {
  state.tunnels[id] = {testing::tunnel_command(id), "wg" + std::to_string(id)};
}

void add_peer(DesiredState& state, std::uint32_t id, std::uint32_t key_number, std::uint16_t tunnel_id = 0) {
  abi::SetPeer peer{};
  peer.peer_id = id;
  peer.tunnel_id = tunnel_id;
  peer.key = key(key_number);
  state.peers[id] = {peer, "peer-" + std::to_string(key_number)};
}

void add_route(DesiredState& state, const IpPrefix& prefix, std::uint32_t peer_id) {
  abi::SetRoute route{};
  route.prefix = prefix;
  route.route_kind = abi::RouteKind::peer;
  route.peer_id = peer_id;
  state.routes[prefix] = {route, prefix.to_string()};
}

DesiredState small_state() {
  DesiredState state;
  add_tunnel(state, 0);
  for (std::uint32_t id = 0; id < 3; ++id) {
    add_peer(state, id, id);
    add_route(state, host(id), id);
  }
  return state;
}

abi::InstallSession session_for(std::uint32_t peer_id, std::uint32_t index, std::uint64_t session_id) {
  abi::InstallSession session{};
  session.index = index;
  session.session_id = session_id;
  session.peer_id = peer_id;
  session.role = abi::HandshakeRole::responder;
  session.cipher = abi::SessionCipher::chacha20_poly1305;
  session.rules = wireguard_rules(session.role);
  session.open_key.fill(0xaa);
  session.seal_key.fill(0xbb);
  session.endpoint = *IpEndpoint::parse("198.51.100.7:4242");
  return session;
}

class PublisherTest : public ::testing::Test {
 protected:
  void connect(FakeDataplane& dataplane) { publisher_.connect(dataplane.command_ring(), dataplane.applied_sequence()); }

  // Both sides take turns until nothing moves any more.
  void settle(FakeDataplane& dataplane) {
    for (int turn = 0; turn < 1000; ++turn) {
      const auto pumped = publisher_.pump(now_);
      const std::size_t applied = dataplane.apply();
      deliver(dataplane);
      if (pumped == Publisher::Pumped::nothing && applied == 0 && publisher_.pending() == 0) return;
    }
    FAIL() << "the publisher never comes to rest";
  }

  void deliver(FakeDataplane& dataplane) {
    abi::Event event;
    while (dataplane.pop_event(event)) {
      abi::CommandRefused refused;
      if (abi::read_payload(event, refused)) link_lost_ |= publisher_.on_refused(refused, now_);
    }
  }

  static bool same(const FakeDataplane& dataplane, const DesiredState& state) {
    const auto ids = [](const auto& map) {
      std::vector<typename std::decay_t<decltype(map)>::key_type> keys;
      for (const auto& entry : map) keys.push_back(entry.first);
      return keys;
    };
    return ids(dataplane.tunnels) == ids(state.tunnels) && ids(dataplane.peers) == ids(state.peers) &&
           ids(dataplane.routes) == ids(state.routes);
  }

  std::uint64_t now_ = second;
  bool link_lost_ = false;
  std::vector<std::uint32_t> refused_installs_;
  Publisher publisher_{{.complete_peer = [](abi::SetPeer& peer) { peer.history.greatest_timestamp[0] = 0x40; },
                        .on_install_refused = [this](std::uint32_t index, std::uint64_t,
                                                     abi::Refusal) { refused_installs_.push_back(index); }},
                       100};
};

TEST_F(PublisherTest, SendsEverythingBetweenBeginAndEndOnANewLink) {
  FakeDataplane dataplane;
  const DesiredState state = small_state();
  publisher_.set_desired(state);
  connect(dataplane);
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, state));
  EXPECT_TRUE(publisher_.synchronised());
  EXPECT_EQ(dataplane.log.front(), abi::CommandKind::begin_sync);
  EXPECT_EQ(dataplane.log.back(), abi::CommandKind::end_sync);
  EXPECT_EQ(dataplane.peers[1].history.greatest_timestamp[0], 0x40) << "the hook completes each peer";
}

TEST_F(PublisherTest, SendsNothingForAnEqualState) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  dataplane.log.clear();
  EXPECT_EQ(publisher_.set_desired(small_state()), 0U);
  settle(dataplane);
  EXPECT_TRUE(dataplane.log.empty());
}

TEST_F(PublisherTest, SendsAPeerWithAnotherKeyAsOneSetIfItNamesTheFormerOne) {
  FakeDataplane dataplane;
  DesiredState next = small_state();
  publisher_.set_desired(next);
  connect(dataplane);
  settle(dataplane);
  publisher_.set_policy({.generation = 1});
  publisher_.set_peer_access({.peer_id = 1});
  settle(dataplane);
  dataplane.log.clear();

  next.peers[1].message.key = key(71);
  next.peers[1].message.former_key = key(1);
  publisher_.set_peer(next.peers[1]);
  settle(dataplane);
  EXPECT_EQ(dataplane.log, std::vector{abi::CommandKind::set_peer});
  EXPECT_EQ(dataplane.peers[1].key, key(71));
  EXPECT_TRUE(publisher_.policy().peers.contains(1)) << "its access stays";

  dataplane.log.clear();
  next.peers[1].message.key = key(72);
  next.peers[1].message.former_key = key(71);
  publisher_.set_desired(next);
  settle(dataplane);
  EXPECT_EQ(dataplane.log, std::vector{abi::CommandKind::set_peer});

  dataplane.log.clear();
  next.peers[1].message.key = key(73);  // of a key that it never had
  publisher_.set_peer(next.peers[1]);
  settle(dataplane);
  EXPECT_EQ(dataplane.log,
            (std::vector{abi::CommandKind::remove_peer, abi::CommandKind::set_peer, abi::CommandKind::set_route}))
      << "routes go with a peer";
  EXPECT_FALSE(publisher_.policy().peers.contains(1));
}

TEST_F(PublisherTest, ARemovalThatWaitsDoesNotHitThePeerThatCameBackWithAnotherKey) {
  FakeDataplane dataplane;
  const DesiredState state = small_state();
  publisher_.set_desired(state);
  connect(dataplane);
  settle(dataplane);
  dataplane.log.clear();
  Named<abi::SetPeer> peer = state.peers.at(1);
  publisher_.remove_peer(1);
  publisher_.set_peer(peer);
  peer.message.former_key = peer.message.key;
  peer.message.key = key(71);
  publisher_.set_peer(peer);
  settle(dataplane);
  EXPECT_EQ(std::count(dataplane.log.begin(), dataplane.log.end(), abi::CommandKind::remove_peer), 0);
  EXPECT_EQ(dataplane.peers[1].key, key(71));
}

TEST_F(PublisherTest, SendsOnlyTheDifference) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  dataplane.log.clear();
  DesiredState next = small_state();
  next.peers.erase(2);
  next.routes.erase(host(2));
  add_peer(next, 5, 5);
  add_route(next, host(5), 5);
  publisher_.set_desired(next);
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, next));
  EXPECT_EQ(dataplane.log, (std::vector{abi::CommandKind::remove_route, abi::CommandKind::remove_peer,
                                        abi::CommandKind::set_peer, abi::CommandKind::set_route}));
}

TEST_F(PublisherTest, RemovesDependantsBeforeWhatTheyDependOn) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  publisher_.set_desired({});
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, {}));
  EXPECT_TRUE(publisher_.problems().empty());
}

TEST_F(PublisherTest, ReplacesAPeerWhoseIdHasANewOwner) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  dataplane.log.clear();
  DesiredState next = small_state();
  add_peer(next, 1, 77);
  publisher_.set_desired(next);
  settle(dataplane);
  EXPECT_EQ(dataplane.peers[1].key, key(77));
  EXPECT_EQ(dataplane.log,
            (std::vector{abi::CommandKind::remove_peer, abi::CommandKind::set_peer, abi::CommandKind::set_route}))
      << "routes go with a peer";
}

TEST_F(PublisherTest, ANewOwnerOfANumberHasTheRoutesThatTheFormerOneHad) {
  FakeDataplane dataplane;
  DesiredState state = small_state();
  publisher_.set_desired(state);
  connect(dataplane);
  settle(dataplane);
  add_peer(state, 1, 77);  // its key changed: another peer under the same number, with the same prefixes
  publisher_.set_desired(state);
  settle(dataplane);
  EXPECT_EQ(dataplane.peers.at(1).key, key(77));
  ASSERT_TRUE(dataplane.routes.contains(host(1)));
  EXPECT_EQ(dataplane.routes.at(host(1)).peer_id, 1U);
  EXPECT_TRUE(same(dataplane, state));

  add_peer(state, 2, 78);
  publisher_.set_peer(state.peers.at(2));
  settle(dataplane);
  EXPECT_TRUE(dataplane.routes.contains(host(2))) << "the same when it is changed alone";
}

TEST_F(PublisherTest, APeerThatMovesToAnotherInterfaceHasItsRoutesAndItsAccess) {
  FakeDataplane dataplane;
  DesiredState state = small_state();
  add_tunnel(state, 1);
  publisher_.set_desired(state);
  DesiredPolicy policy;
  policy.generation = 1;
  policy.source_classes[1] = {};
  abi::SetPeerAccess access{};
  access.peer_id = 1;
  access.access.source_class = 1;
  policy.peers[1] = access;
  publisher_.set_policy(policy);
  connect(dataplane);
  settle(dataplane);
  ASSERT_TRUE(dataplane.policy.peers.contains(1));
  add_peer(state, 1, 1, 1);  // the same key and number on the other interface
  publisher_.set_desired(state);
  publisher_.set_peer_access(access);
  settle(dataplane);
  EXPECT_EQ(dataplane.peers.at(1).tunnel_id, 1);
  EXPECT_TRUE(same(dataplane, state));
  EXPECT_TRUE(dataplane.policy.peers.contains(1));
}

TEST_F(PublisherTest, SendsEverythingAgainWhenAsked) {
  FakeDataplane dataplane;
  const DesiredState state = small_state();
  publisher_.set_desired(state);
  connect(dataplane);
  settle(dataplane);
  dataplane.routes.erase(host(1));
  dataplane.routes[host(9)] = {};
  publisher_.resynchronise();
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, state));
  EXPECT_TRUE(publisher_.synchronised());
}

TEST_F(PublisherTest, ForgetsAChangeThatWasUndoneBeforeItWasSent) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  publisher_.set_desired({});
  publisher_.set_desired(small_state());  // nothing was pumped in between
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, small_state()));
  EXPECT_TRUE(publisher_.problems().empty());
}

TEST_F(PublisherTest, WaitsForRoomInAFullRingAndLosesNothing) {
  FakeDataplane dataplane(65536, 128);
  DesiredState state;
  add_tunnel(state, 0);
  for (std::uint32_t id = 0; id < 20000; ++id) {
    add_peer(state, id, id);
    add_route(state, host(id), id);
  }
  publisher_.set_desired(state);
  connect(dataplane);
  EXPECT_EQ(publisher_.pump(now_), Publisher::Pumped::sent);
  EXPECT_EQ(publisher_.pump(now_), Publisher::Pumped::nothing) << "its share of the ring is full";
  dataplane.apply(100);
  EXPECT_EQ(publisher_.pump(now_), Publisher::Pumped::sent);
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, state));
}

TEST_F(PublisherTest, InstallsASessionWhileTheStateStillWaitsForRoom) {
  FakeDataplane dataplane(65536, 128);
  DesiredState state;
  add_tunnel(state, 0);
  for (std::uint32_t id = 0; id < 20000; ++id) add_peer(state, id, id);
  publisher_.set_desired(state);
  connect(dataplane);
  (void)publisher_.pump(now_);
  const auto sequence = publisher_.install_session(session_for(19999, 0x1001, 7));
  ASSERT_TRUE(sequence);
  dataplane.apply(abi::command_ring_slots);
  EXPECT_GE(dataplane.applied_sequence().load(), *sequence);
  EXPECT_EQ(dataplane.sessions.size(), 1U) << "its peer went ahead of it";
  EXPECT_TRUE(refused_installs_.empty());
}

TEST_F(PublisherTest, RefusesAnInstallWithoutRoomOrPeerOrLink) {
  FakeDataplane dataplane;
  EXPECT_FALSE(publisher_.install_session(session_for(0, 0x1001, 7)));
  publisher_.set_desired(small_state());
  connect(dataplane);
  EXPECT_FALSE(publisher_.install_session(session_for(50, 0x1001, 7)));
  std::uint32_t installed = 0;
  while (publisher_.install_session(session_for(0, 0x1000 + installed, 7)) && installed < 10000) ++installed;
  EXPECT_LT(installed, abi::command_ring_slots);
  EXPECT_EQ(publisher_.installs_without_room(), 1U);
}

TEST_F(PublisherTest, WipesKeysFromTheRingOnceTheyAreApplied) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  ASSERT_TRUE(publisher_.install_session(session_for(0, 0x1001, 7)));
  const auto holds_key = [&] {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(dataplane.command_ring().slots);
    const std::array<std::uint8_t, 32> pattern = session_for(0, 1, 1).open_key;
    return std::search(bytes, bytes + sizeof dataplane.command_ring().slots, pattern.begin(), pattern.end()) !=
           bytes + sizeof dataplane.command_ring().slots;
  };
  (void)publisher_.pump(now_);
  EXPECT_TRUE(holds_key());
  dataplane.apply();
  (void)publisher_.pump(now_);
  EXPECT_FALSE(holds_key());
}

TEST_F(PublisherTest, ListsARefusedObjectAndRetriesItSlowlyUntilItIsTaken) {
  FakeDataplane dataplane;
  bool stubborn = true;
  dataplane.refuse = [&](const abi::Command& command) {
    return stubborn && command.header.kind == abi::CommandKind::set_route ? abi::Refusal::route_unreachable
                                                                          : abi::Refusal::none;
  };
  DesiredState state = small_state();
  state.routes.erase(host(1));
  state.routes.erase(host(2));
  publisher_.set_desired(state);
  connect(dataplane);
  settle(dataplane);
  ASSERT_EQ(publisher_.problems().size(), 1U);
  EXPECT_EQ(publisher_.problems()[0].what, "route 10.0.0.0/32");

  dataplane.log.clear();
  now_ += 4 * second;
  settle(dataplane);
  EXPECT_TRUE(dataplane.log.empty()) << "not before five seconds";
  now_ += second;
  settle(dataplane);
  EXPECT_EQ(dataplane.log.size(), 1U);
  EXPECT_EQ(publisher_.problems().size(), 1U);

  stubborn = false;
  now_ += 5 * second;
  settle(dataplane);
  now_ += 2 * second;
  settle(dataplane);
  EXPECT_TRUE(publisher_.problems().empty());
  EXPECT_TRUE(same(dataplane, state));
}

TEST_F(PublisherTest, ForgetsTheProblemOfAnObjectThatIsNoLongerWanted) {
  FakeDataplane dataplane;
  dataplane.refuse = [](const abi::Command& command) {
    return command.header.kind == abi::CommandKind::set_route ? abi::Refusal::table_full : abi::Refusal::none;
  };
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  EXPECT_EQ(publisher_.problems().size(), 3U);
  DesiredState next = small_state();
  next.routes.clear();
  publisher_.set_desired(next);
  EXPECT_TRUE(publisher_.problems().empty());
}

TEST_F(PublisherTest, ReportsARefusedInstallToItsOwner) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  ASSERT_TRUE(publisher_.install_session(session_for(0, 0x1001, 7)));
  ASSERT_TRUE(publisher_.install_session(session_for(0, 0x1001 + 128, 8)));  // the same slot
  settle(dataplane);
  EXPECT_EQ(refused_installs_, std::vector{0x1001U + 128});
  EXPECT_TRUE(publisher_.problems().empty());
}

TEST_F(PublisherTest, ResynchronisesAfterALinkWasLostAndDropsWhatIsNoLongerWanted) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  settle(dataplane);
  publisher_.disconnect();
  DesiredState next = small_state();
  next.peers.erase(0);
  next.routes.erase(host(0));
  publisher_.set_desired(next);
  dataplane.reconnect();
  connect(dataplane);
  settle(dataplane);
  EXPECT_TRUE(same(dataplane, next));
}

TEST_F(PublisherTest, AsksForANewLinkWhenTheDataplaneLostCount) {
  EXPECT_TRUE(publisher_.on_refused({9, abi::CommandKind::set_peer, abi::Refusal::bad_header}, now_));
}

TEST_F(PublisherTest, NoticesAnImpossibleRingIndex) {
  FakeDataplane dataplane;
  publisher_.set_desired(small_state());
  connect(dataplane);
  dataplane.command_ring().read.store(1'000'000);
  EXPECT_FALSE(publisher_.install_session(session_for(0, 0x1001, 7)));
  EXPECT_EQ(publisher_.pump(now_), Publisher::Pumped::broken);
}

TEST_F(PublisherTest, SendsCookieSecretsAgainOnANewLink) {
  FakeDataplane dataplane;
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(9);
  publisher_.set_cookie_secrets(Secret<32>(bytes), Secret<32>());
  connect(dataplane);
  settle(dataplane);
  EXPECT_EQ(dataplane.cookie_secrets.current[5], 9);
}

}  // namespace
}  // namespace sallyport::controlplane::publisher_test
