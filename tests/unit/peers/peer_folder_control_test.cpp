// peers.d in the whole process: files come and go while it runs.
#include <cstdio>
#include <ctime>
#include <fstream>

#include "controlplane/runtime/instant_now.hpp"
#include "tests/unit/controlplane/control_plane_lab.hpp"

namespace sallyport::controlplane::peer_folder_control_test {
namespace {

using namespace std::chrono_literals;

class PeerFolderControlTest : public testing::ControlPlaneLab {
 protected:
  PeerFolderControlTest() {
    std::ofstream(folder / "policy.toml") << "schema = 1\n[service]\nall = { prefixes = [\"10.20.0.0/24\"], ports = "
                                             "[\"tcp\"] }\n[[rule]]\nname = \"pods\"\n"
                                             "action = \"allow\"\nfrom = [\"tag:pod\"]\nto = [\"all\"]\n";
    policy_section = "files = [\"policy.toml\"]";
    write_config();
    server->start(1);
  }
  static std::string text(const wireguard::Endpoint& client, const std::string& allowed_ips) {
    return "wireguard = \"wg0\"\npublic_key = \"" + encode_key(client.local->public_key) + "\"\nallowed_ips = [\"" +
           allowed_ips + "\"]\ntags = [\"pod\"]\n";
  }
  void write(const std::string& name, const std::string& content) {
    std::filesystem::create_directory(folder / "peers.d");
    std::ofstream(folder / "peers.d" / ("." + name)) << content;
    std::filesystem::rename(folder / "peers.d" / ("." + name), folder / "peers.d" / name);
  }
  void remove(const std::string& name) { std::filesystem::remove(folder / "peers.d" / name); }
  bool has_peer(const std::string& name) const { return control_plane->peer_id(name).has_value(); }
  bool eventually_peers(std::size_t count) {
    return eventually([&] {
      return control_plane->peers().size() == count && server->dataplane->peers.size() == count &&
             control_plane->commands_pending() == 0;
    });
  }
};

TEST_F(PeerFolderControlTest, AFileThatAppearsIsAPeerAndOneThatGoesEndsIt) {
  start();
  ASSERT_TRUE(eventually_in_sync());
  write("bob.toml", text(bob, "10.8.0.3/32"));  // the folder appears with it
  ASSERT_TRUE(eventually_peers(2));
  const auto id = control_plane->peer_id("bob");
  ASSERT_TRUE(id);
  EXPECT_EQ(server->dataplane->routes.at(*IpPrefix::parse("10.8.0.3/32")).peer_id, *id);
  EXPECT_NE(server->dataplane->policy.peers.at(*id).access.source_class, 0U);
  EXPECT_EQ(control_plane->peer_of(*IpAddress::parse("10.8.0.3"))->name, "bob");
  call(bob);
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); })) << "handshakes know it";
  remove("bob.toml");
  ASSERT_TRUE(eventually_peers(1));
  EXPECT_FALSE(server->dataplane->routes.contains(*IpPrefix::parse("10.8.0.3/32")));
  EXPECT_FALSE(has_peer("bob"));
}

TEST_F(PeerFolderControlTest, AFileIsThereAfterARestartAndAReload) {
  write("bob.toml", text(bob, "10.8.0.3/32"));
  start();
  ASSERT_TRUE(eventually_peers(2));
  const auto id = control_plane->peer_id("bob");
  const auto reloaded = control_plane->reload();
  ASSERT_TRUE(reloaded);
  EXPECT_TRUE(reloaded->changes.empty());
  EXPECT_EQ(control_plane->peer_id("bob"), id);
}

TEST_F(PeerFolderControlTest, ABrokenFileIsAProblemAndKeepsWhatItGaveLast) {
  start();
  ASSERT_TRUE(eventually_in_sync());
  write("bob.toml", text(bob, "10.8.0.3/32"));
  ASSERT_TRUE(eventually_peers(2));
  write("bob.toml", "half of a fi");
  ASSERT_TRUE(eventually([&] { return has_problem("peers.d/bob.toml"); }));
  EXPECT_TRUE(has_peer("bob"));
  write("carl.toml", text(ann, "10.8.0.9/32"));  // ann's key
  ASSERT_TRUE(eventually([&] { return has_problem("peers.d/carl.toml"); }));
  write("bob.toml", text(bob, "10.8.0.4/32"));
  ASSERT_TRUE(eventually([&] { return server->dataplane->routes.contains(*IpPrefix::parse("10.8.0.4/32")); }));
  EXPECT_FALSE(has_problem("peers.d/bob.toml"));
  EXPECT_TRUE(eventually([&] { return !server->dataplane->routes.contains(*IpPrefix::parse("10.8.0.3/32")); }));
}

TEST_F(PeerFolderControlTest, ARenamedFileIsTheSamePeer) {
  start();
  ASSERT_TRUE(eventually_in_sync());
  write("bob.toml", text(bob, "10.8.0.3/32"));
  ASSERT_TRUE(eventually_peers(2));
  const auto id = control_plane->peer_id("bob");
  call(bob);
  ASSERT_TRUE(eventually([&] { return server->dataplane->sessions.size() == 1; }));
  server->dataplane->log.clear();
  std::filesystem::rename(folder / "peers.d" / "bob.toml", folder / "peers.d" / "robert.toml");
  ASSERT_TRUE(eventually([&] { return has_peer("robert") && !has_peer("bob"); }));
  write("robert.toml", "name = \"rob\"\n" + text(bob, "10.8.0.3/32"));
  ASSERT_TRUE(eventually([&] { return has_peer("rob") && !has_peer("robert"); }));
  ASSERT_TRUE(eventually_peers(2));
  EXPECT_EQ(control_plane->peer_id("rob"), id);
  EXPECT_EQ(control_plane->peer_name(*id), "rob");
  EXPECT_EQ(control_plane->peer_of(*IpAddress::parse("10.8.0.3"))->name, "rob");
  EXPECT_EQ(server->dataplane->sessions.size(), 1U);
  EXPECT_TRUE(server->dataplane->routes.contains(*IpPrefix::parse("10.8.0.3/32")));
  EXPECT_NE(server->dataplane->policy.peers.at(*id).access.source_class, 0U);
  for (const abi::CommandKind kind : server->dataplane->log) EXPECT_NE(kind, abi::CommandKind::remove_peer);
  remove("robert.toml");
  ASSERT_TRUE(eventually_peers(1));
}

TEST_F(PeerFolderControlTest, APeerMovesBetweenGatewayTomlAndTheFolder) {
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return server->dataplane->sessions.size() == 1; }));
  const auto id = control_plane->peer_id("ann");
  server->dataplane->log.clear();
  write("anna.toml", text(ann, "10.8.0.2/32"));
  ASSERT_TRUE(eventually([&] { return has_problem("peers.d/anna.toml"); })) << "gateway.toml has it";
  const std::string in_the_file = std::exchange(peers, "");
  write_config();
  ASSERT_TRUE(control_plane->reload());
  EXPECT_EQ(control_plane->peer_id("anna"), id);
  EXPECT_FALSE(has_problem("peers.d/anna.toml"));
  peers = in_the_file;
  write_config();
  ASSERT_TRUE(control_plane->reload());
  remove("anna.toml");
  ASSERT_TRUE(eventually([&] { return !has_problem("peers.d/anna.toml"); }));
  ASSERT_TRUE(eventually_peers(1));
  EXPECT_EQ(control_plane->peer_id("ann"), id);
  EXPECT_EQ(server->dataplane->sessions.size(), 1U);
  for (const abi::CommandKind kind : server->dataplane->log) EXPECT_NE(kind, abi::CommandKind::remove_peer);
}

TEST_F(PeerFolderControlTest, PeersExchangeTheirAddressesByTwoFilesAndKeepTheirSessions) {
  const wireguard::Endpoint carl{4};
  start();
  ASSERT_TRUE(eventually_in_sync());
  write("bob.toml", text(bob, "10.8.0.3/32"));
  write("carl.toml", text(carl, "10.8.0.4/32"));
  ASSERT_TRUE(eventually_peers(3));
  const auto bob_id = control_plane->peer_id("bob"), carl_id = control_plane->peer_id("carl");
  call(bob);
  ASSERT_TRUE(eventually([&] { return server->dataplane->sessions.size() == 1; }));
  server->dataplane->log.clear();
  write("bob.toml", text(bob, "10.8.0.4/32"));
  ASSERT_TRUE(eventually([&] { return has_problem("peers.d/carl.toml"); }));
  write("carl.toml", text(carl, "10.8.0.3/32"));
  ASSERT_TRUE(eventually([&] { return !has_problem("peers.d/carl.toml"); }));
  ASSERT_TRUE(eventually_peers(3));
  EXPECT_EQ(server->dataplane->routes.at(*IpPrefix::parse("10.8.0.4/32")).peer_id, *bob_id);
  EXPECT_EQ(server->dataplane->routes.at(*IpPrefix::parse("10.8.0.3/32")).peer_id, *carl_id);
  EXPECT_EQ(server->dataplane->sessions.size(), 1U);
  for (const abi::CommandKind kind : server->dataplane->log) EXPECT_NE(kind, abi::CommandKind::remove_peer);
}

// Peers that come, shake hands and go: what is remembered of them is bounded.
TEST_F(PeerFolderControlTest, PeersThatCameAndWentLeaveNothingThatGrows) {
  start();
  ASSERT_TRUE(eventually_in_sync());
  constexpr std::size_t rounds = 3, files = 20;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < files; ++i) {
      wireguard::Endpoint client{1000 + round * files + i};
      client.know(gateway.local->public_key);
      write("pod-" + std::to_string(i) + ".toml", text(client, "10.8.1." + std::to_string(i) + "/32"));
      ASSERT_TRUE(eventually([&] {
        const Peer* peer = control_plane->peer_of(IpAddress::v4(10, 8, 1, static_cast<std::uint8_t>(i)));
        return peer != nullptr && peer->public_key == client.local->public_key;
      }));
      const std::size_t sent = server->sent.size();
      call(client);
      ASSERT_TRUE(eventually([&] { return server->sent.size() > sent; }));
    }
    EXPECT_EQ(control_plane->peer_memory().sizes().endpoints, files);
    for (std::size_t i = 0; i < files; ++i) remove("pod-" + std::to_string(i) + ".toml");
    ASSERT_TRUE(eventually_peers(1));
    const auto remembered = control_plane->peer_memory().sizes();
    EXPECT_EQ(remembered.endpoints, 0U);
    EXPECT_EQ(remembered.timestamps, (round + 1) * files) << "they bind for a day";
    EXPECT_EQ(remembered.departed, (round + 1) * files) << "up to " << PeerMemory::departed_max;
  }
  control_plane->peer_memory().forget_departed_beyond(10, instant_now());
  EXPECT_EQ(control_plane->peer_memory().sizes().timestamps, 10U) << "those that went last";
}

TEST_F(PeerFolderControlTest, APeerThatNeedsTooManyClassesIsLeftOut) {
  dataplane_section = "max_classes = 2";
  write_config();
  std::ofstream(folder / "policy.toml", std::ios::app)
      << "[[rule]]\nname = \"carl\"\naction = \"allow\"\nfrom = [\"peer:carl\"]\nto = [\"all\"]\n";
  start();
  ASSERT_TRUE(eventually_in_sync());
  write("bob.toml", text(bob, "10.8.0.3/32"));
  ASSERT_TRUE(eventually_peers(2));
  wireguard::Endpoint carl{4};
  write("carl.toml", text(carl, "10.8.0.4/32"));  // both rules
  ASSERT_TRUE(eventually([&] { return has_problem("peers.d/carl.toml"); }));
  EXPECT_FALSE(has_peer("carl"));
  remove("bob.toml");
  EXPECT_TRUE(eventually([&] { return has_peer("carl"); })) << "a class is free";
}

TEST_F(PeerFolderControlTest, TheFolderMayBeExchangedBehindALink) {
  std::filesystem::create_directory(folder / "v1");
  std::filesystem::create_directory(folder / "v2");
  std::ofstream(folder / "v1" / "bob.toml") << text(bob, "10.8.0.3/32");
  std::ofstream(folder / "v2" / "carl.toml") << text(wireguard::Endpoint(8), "10.8.0.4/32");
  std::filesystem::create_symlink("v1", folder / "peers.d");
  start();
  ASSERT_TRUE(eventually_peers(2));
  EXPECT_TRUE(has_peer("bob"));
  std::filesystem::create_symlink("v2", folder / "next");
  std::filesystem::rename(folder / "next", folder / "peers.d");
  ASSERT_TRUE(eventually([&] { return has_peer("carl") && !has_peer("bob"); }));
  std::filesystem::remove(folder / "peers.d");
  ASSERT_TRUE(eventually_peers(1));
}

TEST_F(PeerFolderControlTest, StandsManyFilesThatComeAndGo) {
  start();
  ASSERT_TRUE(eventually_in_sync());
  constexpr int files = 40;  // the model has room for 64 peers
  std::vector<std::string> texts;
  for (int i = 0; i < files; ++i)
    texts.push_back(
        text(wireguard::Endpoint(100 + static_cast<std::uint64_t>(i)), "10.8.1." + std::to_string(i) + "/32"));
  const auto name = [](int i) { return "pod-" + std::to_string(i) + ".toml"; };
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < files; ++i) write(name(i), texts[static_cast<std::size_t>(i)]);
    ASSERT_TRUE(eventually_peers(files + 1)) << "round " << round;
    EXPECT_EQ(server->dataplane->policy.peers.size(), static_cast<std::size_t>(files) + 1);
    for (int i = 0; i < files; ++i) remove(name(i));
    if (round % 2 == 1) continue;
    ASSERT_TRUE(eventually_peers(1)) << "round " << round;
  }
  ASSERT_TRUE(eventually_peers(1));
  EXPECT_FALSE(has_problem("peers.d"));
  EXPECT_TRUE(has_peer("ann"));
}

// The figure that matters is how long the loop is busy for each file; it is printed, since a bound would depend on the
// machine.
TEST_F(PeerFolderControlTest, AFileCostsTheSameWhateverTheNumberOfTheOthers) {
  constexpr int standing = 2000, churning = 1000;
  server->kill();
  server->start(2, 8192);
  const auto write_number = [&](int i) {
    PublicKey key{};
    key.fill(7);
    key[0] = static_cast<std::uint8_t>(i);
    key[1] = static_cast<std::uint8_t>(i >> 8);
    write("pod-" + std::to_string(i) + ".toml", "wireguard = \"wg0\"\npublic_key = \"" + encode_key(key) +
                                                    "\"\nallowed_ips = [\"10.8." + std::to_string(1 + i / 250) + '.' +
                                                    std::to_string(i % 250) +
                                                    "/32\"]\ntags = [\"pod\"]\nidentity = \"sa:prod/shop/frontend\"\n");
  };
  for (int i = 0; i < standing; ++i) write_number(i);
  start();
  ASSERT_TRUE(eventually_peers(standing + 1));
  const std::clock_t begin = std::clock();
  for (int i = 0; i < churning; ++i) write_number(standing + i);
  const std::clock_t written = std::clock();
  ASSERT_TRUE(eventually_peers(standing + churning + 1));
  const double adding_us = 1e6 * static_cast<double>(std::clock() - written) / CLOCKS_PER_SEC / churning;
  for (int i = 0; i < churning; ++i) remove("pod-" + std::to_string(i) + ".toml");
  const std::clock_t removed = std::clock();
  ASSERT_TRUE(eventually_peers(standing + 1));
  const double removing_us = 1e6 * static_cast<double>(std::clock() - removed) / CLOCKS_PER_SEC / churning;
  RecordProperty("adding_us", static_cast<int>(adding_us));
  RecordProperty("removing_us", static_cast<int>(removing_us));
  std::printf(
      "a file that comes: %.0f us, one that goes: %.0f us (both processes and the test's loop; written in %.0f ms)\n",
      adding_us, removing_us, 1e3 * static_cast<double>(written - begin) / CLOCKS_PER_SEC);
  EXPECT_EQ(server->dataplane->policy.peers.size(), static_cast<std::size_t>(standing) + 1);
  EXPECT_FALSE(has_problem("peers.d"));
}

}  // namespace
}  // namespace sallyport::controlplane::peer_folder_control_test
