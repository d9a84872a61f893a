#include "controlplane/peers/gateway_objects.hpp"

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "tests/unit/controlplane/fake_dataplane.hpp"
#include "tests/unit/wireguard/lab.hpp"

namespace sallyport::controlplane::gateway_objects_test {
namespace {

using testing::FakeDataplane;
constexpr std::uint64_t second = 1'000'000'000;

struct PeerLine {
  std::string name;
  PublicKey key;
  std::string interface = "wg0";
  std::string allowed_ips = "10.8.0.2/32";
  std::string more = {};
};

PublicKey key(std::uint64_t seed) {
  wireguard::TestRandom random(seed);
  return wireguard::public_key_of(wireguard::draw_private_key(random));
}

config::Config configuration(const std::vector<PeerLine>& peers, const std::vector<std::string>& interfaces = {"wg0"}) {
  std::string text = R"(
    [gateway]
    name = "test"
    [policy]
    default = "allow"
    [[port]]
    name = "wan"
    device = "net_null0"
    role = "underlay"
    addresses = ["192.0.2.1/24"]
    [[port]]
    name = "lan"
    device = "net_null1"
    role = "inside"
    addresses = ["10.0.0.1/24"]
    [[route]]
    to = "10.20.0.0/16"
    via = "10.0.0.254"
  )";
  int number = 0;
  for (const std::string& interface : interfaces) {
    text += "[[wireguard]]\nname = \"" + interface + "\"\nlisten_port = " + std::to_string(51820 + number) +
            "\nprivate_key_file = \"" + interface + ".key\"\naddresses = [\"10." + std::to_string(8 + number) +
            ".0.1/16\"]\n";
    ++number;
  }
  for (const PeerLine& peer : peers)
    text += "[[peer]]\nname = \"" + peer.name + "\"\nwireguard = \"" + peer.interface + "\"\npublic_key = \"" +
            encode_key(peer.key) + "\"\nallowed_ips = [\"" + peer.allowed_ips + "\"]\n" + peer.more + "\n";
  auto parsed = config::parse(text, "/etc/gateway.toml");
  if (!parsed)
    for (const config::Error& error : parsed.error()) ADD_FAILURE() << config::to_string(error);
  return parsed ? std::move(*parsed) : config::Config{};
}

GatewayKeys keys_for(const config::Config& configuration) {
  GatewayKeys keys;
  std::uint64_t seed = 77;
  for (const config::Wireguard& tunnel : configuration.wireguards) {
    wireguard::TestRandom random(seed++);
    keys.tunnels[tunnel.name] = wireguard::make_local_identity(wireguard::draw_private_key(random));
  }
  for (const config::Peer& peer : configuration.peers)
    keys.peers[peer.name] = *wireguard::make_peer_keys(*keys.tunnels.at(peer.wireguard), peer.public_key, {});
  return keys;
}

abi::PeerStatusValue live(const PublicKey& public_key, std::uint16_t tunnel_id) {
  abi::PeerStatusValue status{};
  status.live = 1;
  status.key = public_key;
  status.tunnel_id = tunnel_id;
  return status;
}

TEST(GatewayObjects, TranslateTheConfigurationIntoMessages) {
  const config::Config config = configuration(
      {{.name = "ann", .key = key(1), .more = "endpoint = \"198.51.100.7:4000\"\npersistent_keepalive_s = 25"},
       {.name = "bob", .key = key(2), .allowed_ips = "10.8.0.3/32"}});
  const std::vector<Peer> peers = configured_peers(config.peers);
  ObjectIds ids;
  ids.assign(config.wireguards, peers);
  const GatewayObjects objects = make_objects(config, peers, keys_for(config), ids, {}, {});
  ASSERT_EQ(objects.desired.peers.size(), 2U);
  const abi::SetPeer& ann = objects.desired.peers.at(*ids.peer(peers[0])).message;
  EXPECT_EQ(ann.persistent_keepalive_s, 25);
  EXPECT_EQ(ann.endpoint, *IpEndpoint::parse("198.51.100.7:4000"));
  EXPECT_EQ(objects.desired.routes.at(*IpPrefix::parse("10.8.0.3/32")).message.peer_id, *ids.peer(peers[1]));
  EXPECT_EQ(objects.desired.routes.at(*IpPrefix::parse("10.20.0.0/16")).message.route_kind, abi::RouteKind::via);
  EXPECT_EQ(objects.desired.tunnels.begin()->second.message.listen_port, 51820);
  EXPECT_TRUE(objects.service.peers[0].persistent_keepalive);
  EXPECT_FALSE(objects.service.peers[1].endpoint.is_set());
}

TEST(GatewayObjects, TakeTheAddressOfANameWhenItIsKnown) {
  const config::Config config =
      configuration({{.name = "ann", .key = key(1), .more = "endpoint = \"branch.example.com:4000\""}});
  const std::vector<Peer> peers = configured_peers(config.peers);
  EXPECT_EQ(endpoint_names(peers), std::vector<std::string>{"branch.example.com"});
  EndpointNames names;
  names.set_wanted(endpoint_names(peers));
  EXPECT_FALSE(endpoint_of(peers[0], names).is_set());
  EXPECT_TRUE(names.answered("branch.example.com", {IpAddress::v4(198, 51, 100, 9)}, 0));
  EXPECT_EQ(endpoint_of(peers[0], names), *IpEndpoint::parse("198.51.100.9:4000"));
}

TEST(GatewayObjects, AGenerationChangesWithTheEndpointAlone) {
  const IpEndpoint endpoint = *IpEndpoint::parse("198.51.100.7:4000");
  EXPECT_EQ(generation_of(endpoint), generation_of(endpoint));
  EXPECT_NE(generation_of(endpoint), generation_of(*IpEndpoint::parse("198.51.100.7:4001")));
  EXPECT_NE(generation_of(endpoint), generation_of(*IpEndpoint::parse("198.51.100.8:4000")));
  EXPECT_EQ(generation_of({}), 0U);
}

TEST(ObjectIds, StayWithTheirObjectsWhateverComesAndGoes) {
  ObjectIds ids;
  const config::Config before = configuration({{.name = "ann", .key = key(1)},
                                               {.name = "bob", .key = key(2), .allowed_ips = "10.8.0.3/32"},
                                               {.name = "carl", .key = key(3), .allowed_ips = "10.8.0.4/32"}});
  const std::vector<Peer> peers_before = configured_peers(before.peers);
  ids.assign(before.wireguards, peers_before);
  const auto carl = ids.peer(peers_before[2]);
  const config::Config after = configuration({{.name = "renamed", .key = key(3), .allowed_ips = "10.8.0.4/32"},
                                              {.name = "dora", .key = key(4), .allowed_ips = "10.8.0.5/32"}});
  const std::vector<Peer> peers_after = configured_peers(after.peers);
  ids.assign(after.wireguards, peers_after);
  EXPECT_EQ(ids.peer(peers_after[0]), carl) << "a peer is its key, not its name";
  EXPECT_NE(ids.peer(peers_after[1]), carl);
  EXPECT_FALSE(ids.peer(peers_before[0]));
}

TEST(ObjectIds, AreThoseThatTheDataplaneKnowsAlready) {
  FakeDataplane dataplane;
  dataplane.publish_peer(17, live(key(1), 5));
  dataplane.publish_peer(0, live(key(99), 5));  // no longer configured
  const config::Config config =
      configuration({{.name = "ann", .key = key(1)}, {.name = "bob", .key = key(2), .allowed_ips = "10.8.0.3/32"}});
  const std::vector<Peer> peers = configured_peers(config.peers);
  ObjectIds ids;
  ids.adopt(peers, dataplane.statistics());
  ids.assign(config.wireguards, peers);
  EXPECT_EQ(ids.tunnel("wg0"), 5);
  EXPECT_EQ(ids.peer(peers[0]), 17U);
  EXPECT_EQ(ids.peer(peers[1]), 1U) << "not the number of the one that is still there";
}

TEST(ObjectIds, StayWithAPeerWhoseKeyChanges) {
  const config::Config before =
      configuration({{.name = "ann", .key = key(1)}, {.name = "bob", .key = key(2), .allowed_ips = "10.8.0.3/32"}});
  const std::vector<Peer> peers_before = configured_peers(before.peers);
  Peer ann = peers_before[0], taken = peers_before[0];
  ann.public_key = key(3);
  taken.public_key = key(2);
  ObjectIds ids;
  ids.assign(before.wireguards, peers_before);
  const auto number = ids.peer(peers_before[0]);
  ids.rename(peers_before[0], ann);
  EXPECT_EQ(ids.peer(ann), number);
  EXPECT_FALSE(ids.peer(peers_before[0]));
  ids.rename(ann, ann);
  EXPECT_EQ(ids.peer(ann), number);
  const auto bob = ids.peer(peers_before[1]);
  ids.rename(ann, taken);
  EXPECT_EQ(ids.peer(taken), bob) << "who has the key keeps the number";
  EXPECT_FALSE(ids.peer(ann));
  ids.rename(ann, taken);
  EXPECT_EQ(ids.peer(taken), bob) << "nobody is renamed";
}

TEST(ObjectIds, FindAPeerThatTheDataplaneKnowsByItsFormerKey) {
  FakeDataplane dataplane;
  dataplane.publish_peer(17, live(key(1), 5));
  dataplane.publish_peer(18, live(key(2), 5));
  dataplane.publish_peer(19, live(key(4), 5));
  dataplane.publish_peer(20, live(key(5), 5));
  const config::Config config = configuration({{.name = "ann", .key = key(3)},
                                               {.name = "bob", .key = key(2), .allowed_ips = "10.8.0.3/32"},
                                               {.name = "carl", .key = key(4), .allowed_ips = "10.8.0.4/32"}});
  const std::vector<Peer> peers = configured_peers(config.peers);
  ObjectIds ids;
  // Carl's was applied, and his former key's number is a leftover; bob's former key is ann's present one: no claim.
  ids.adopt(peers, dataplane.statistics(), {{"ann", key(1)}, {"carl", key(5)}, {"bob", key(3)}});
  ids.assign(config.wireguards, peers);
  EXPECT_EQ(ids.tunnel("wg0"), 5);
  EXPECT_EQ(ids.peer(peers[0]), 17U);
  EXPECT_EQ(ids.peer(peers[1]), 18U);
  EXPECT_EQ(ids.peer(peers[2]), 19U);
}

TEST(GatewayObjects, NameTheFormerKeyOfAPeerToBoth) {
  const config::Config config = configuration({{.name = "ann", .key = key(1)}});
  const std::vector<Peer> peers = configured_peers(config.peers);
  GatewayKeys keys = keys_for(config);
  ObjectIds ids;
  ids.assign(config.wireguards, peers);
  EXPECT_EQ(make_objects(config, peers, keys, ids, {}, {}).desired.peers.begin()->second.message.former_key,
            PublicKey{});
  keys.former_peers["ann"] = *wireguard::make_peer_keys(*keys.tunnels.at("wg0"), key(2), {});
  auto objects = make_peer_objects(peers[0], keys, ids, {});
  EXPECT_EQ(objects->peer.message.key, key(1));
  EXPECT_EQ(objects->peer.message.former_key, key(2));
  EXPECT_EQ(objects->service.former_keys, keys.former_peers["ann"]);
  keys.former_peers["ann"] = keys.peers["ann"];
  objects = make_peer_objects(peers[0], keys, ids, {});
  EXPECT_EQ(objects->peer.message.former_key, PublicKey{}) << "it is the present one";
  EXPECT_EQ(objects->service.former_keys, nullptr);
}

TEST(GatewayKeys, TakeOverWhatAChangedPresharedKeyLeavesTheSame) {
  GatewayKeys keys = keys_for(configuration({}));
  const auto secret = [](std::uint8_t number) {
    PublicKey bytes{};
    bytes.fill(number);
    return SharedKey(Secret<key_bytes>(bytes));
  };
  const auto has = [](const wireguard::PresharedKey& present, const SharedKey& expected) {
    return SharedKey(present.duplicate()) == expected;
  };
  Peer peer;
  peer.name = "enrolled-1";
  peer.interface = "wg0";
  peer.public_key = key(1);
  peer.preshared_key = secret(1);
  keys.peers[peer.name] = load_peer_keys(peer, keys, keys).value();
  EXPECT_TRUE(has(keys.peers[peer.name]->preshared_key, secret(1)));
  EXPECT_FALSE(keys.peers[peer.name]->former_preshared_key);
  EXPECT_EQ(load_peer_keys(peer, keys, keys).value(), keys.peers[peer.name]) << "nothing changed";

  peer.preshared_key = secret(2);
  peer.former_preshared_key = secret(1);
  const auto changed = load_peer_keys(peer, keys, keys).value();
  EXPECT_TRUE(has(changed->preshared_key, secret(2)));
  ASSERT_TRUE(changed->former_preshared_key);
  EXPECT_TRUE(has(*changed->former_preshared_key, secret(1)));
  EXPECT_EQ(SharedKey(changed->static_static.duplicate()), SharedKey(keys.peers[peer.name]->static_static.duplicate()));

  // With another public key: both of its keys have both preshared keys.
  peer.public_key = key(2);
  GatewayKeys next{.tunnels = keys.tunnels, .peers = {}, .former_peers = {}, .reader = {}};
  next.peers[peer.name] = load_peer_keys(peer, next, keys).value();
  add_former_key(peer, key(1), next, keys);
  EXPECT_EQ(next.former_peers[peer.name]->public_key, key(1));
  EXPECT_TRUE(has(next.former_peers[peer.name]->preshared_key, secret(2)));
  EXPECT_TRUE(next.former_peers[peer.name]->former_preshared_key);
}

TEST(ObjectIds, TellInterfacesApartThatShareAPeersKey) {
  FakeDataplane dataplane;
  dataplane.publish_peer(1, live(key(1), 3));  // of both interfaces: says nothing about which is number 3
  dataplane.publish_peer(2, live(key(1), 4));
  dataplane.publish_peer(3, live(key(2), 4));
  const config::Config config =
      configuration({{.name = "ann-0", .key = key(1)},
                     {.name = "ann-1", .key = key(1), .interface = "wg1", .allowed_ips = "10.9.0.2/32"},
                     {.name = "bob", .key = key(2), .interface = "wg1", .allowed_ips = "10.9.0.3/32"}},
                    {"wg0", "wg1"});
  const std::vector<Peer> peers = configured_peers(config.peers);
  ObjectIds ids;
  ids.adopt(peers, dataplane.statistics());
  ids.assign(config.wireguards, peers);
  EXPECT_EQ(ids.tunnel("wg1"), 4);
  EXPECT_NE(ids.tunnel("wg0"), 4);
  EXPECT_EQ(ids.peer(peers[1]), 2U);
  EXPECT_EQ(ids.peer(peers[2]), 3U);
}

TEST(ObjectIds, UseTheNumbersOfLeftoversWhenThereAreNoOthers) {
  FakeDataplane dataplane(2, 4);
  dataplane.publish_peer(0, live(key(98), 0));
  dataplane.publish_peer(1, live(key(99), 0));
  const config::Config config = configuration({{.name = "ann", .key = key(1)}});
  const std::vector<Peer> peers = configured_peers(config.peers);
  ObjectIds ids;
  ids.adopt(peers, dataplane.statistics());
  ids.assign(config.wireguards, peers);
  EXPECT_EQ(ids.peer(peers[0]), 0U);
}

TEST(EndpointNames, AreAskedForAtOnceAndLaterOnlyWhenACallFails) {
  EndpointNames names;
  names.set_wanted({"a.example"});
  EXPECT_EQ(names.take_due(second).size(), 1U);
  EXPECT_TRUE(names.take_due(second).empty()) << "one question at a time";
  const IpAddress address = IpAddress::v4(192, 0, 2, 7);
  EXPECT_TRUE(names.answered("a.example", {address}, second));
  EXPECT_TRUE(names.take_due(3600 * second).empty());
  names.ask_again("a.example", 3600 * second);
  EXPECT_EQ(names.take_due(3600 * second).size(), 1U);
  EXPECT_FALSE(names.answered("a.example", {address}, 3600 * second)) << "the same answer changes nothing";
}

TEST(EndpointNames, TakeTurnsAmongSeveralAddressesAtEachFailure) {
  EndpointNames names;
  names.set_wanted({"a.example"});
  const std::vector<IpAddress> all = {IpAddress::v4(192, 0, 2, 7), *IpAddress::parse("2001:db8::7"),
                                      IpAddress::v4(192, 0, 2, 8)};
  (void)names.take_due(0);
  EXPECT_TRUE(names.answered("a.example", all, 0));
  EXPECT_EQ(names.address_of("a.example"), all[0]);
  std::uint64_t now = 100 * second;
  for (const std::size_t next : {1U, 2U, 0U, 1U}) {
    EXPECT_TRUE(names.ask_again("a.example", now)) << "at once, without a name server";
    EXPECT_EQ(names.address_of("a.example"), all[next]);
    EXPECT_FALSE(names.ask_again("a.example", now + second)) << "of another peer with this name";
    if (!names.take_due(now).empty()) {
      EXPECT_FALSE(names.answered("a.example", all, now)) << "the same answer changes nothing";
    }
    now += 5 * second;
  }
}

TEST(EndpointNames, LeaveOutAddressesThatTheUnderlayCannotReach) {
  EndpointNames names;
  names.set_families(true, false);
  names.set_wanted({"a.example", "b.example"});
  (void)names.take_due(0);
  const IpAddress v6 = *IpAddress::parse("2001:db8::7"), v4 = IpAddress::v4(192, 0, 2, 7);
  EXPECT_TRUE(names.answered("a.example", {v6, v4}, 0));
  EXPECT_EQ(names.address_of("a.example"), v4);
  EXPECT_FALSE(names.ask_again("a.example", 100 * second)) << "there is no other";
  EXPECT_FALSE(names.answered("b.example", {v6}, 0));
  EXPECT_FALSE(names.address_of("b.example").is_set());
  ASSERT_EQ(names.problems().size(), 1U);
  EXPECT_NE(names.problems()[0].why.find("family"), std::string::npos);
}

TEST(EndpointNames, AreAskedForMoreAndMoreSlowlyWhileTheyDoNotResolve) {
  EndpointNames names;
  names.set_wanted({"a.example"});
  std::uint64_t now = 0;
  std::uint64_t longest = 0;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t asked = now;
    while (names.take_due(now).empty()) now += second;
    longest = std::max(longest, now - asked);
    EXPECT_FALSE(names.answered("a.example", {}, now));
  }
  EXPECT_EQ(longest, 60 * second);
  EXPECT_EQ(names.problems().size(), 1U);
  EXPECT_EQ(names.failures(), 8U);
}

TEST(EndpointNames, KeepTheLastAddressWhenTheNameServerIsGone) {
  EndpointNames names;
  names.set_wanted({"a.example"});
  (void)names.take_due(0);
  EXPECT_TRUE(names.answered("a.example", {IpAddress::v4(192, 0, 2, 7)}, 0));
  names.ask_again("a.example", 0);
  (void)names.take_due(10 * second);
  EXPECT_FALSE(names.answered("a.example", {}, 10 * second));
  EXPECT_TRUE(names.address_of("a.example").is_set());
}

}  // namespace
}  // namespace sallyport::controlplane::gateway_objects_test
