// The whole process but main(): event loop, threads, files and a socket, against a FakeDataplane.
#include <fstream>

#include "config/base/log.hpp"
#include "tests/unit/controlplane/control_plane_lab.hpp"
#include "tests/unit/state/full_disk.hpp"

namespace sallyport::controlplane::control_plane_test {
namespace {

using namespace std::chrono_literals;
using testing::ann_at;
using ControlPlaneTest = testing::ControlPlaneLab;

TEST_F(ControlPlaneTest, WaitsForADataplaneThatStartsLater) {
  start();
  ASSERT_TRUE(eventually([&] {
    const auto problems = control_plane->problems();
    return problems.size() == 1 && problems[0].why.find("cannot connect") != std::string::npos;
  }));
  EXPECT_EQ(control_plane->statistics(), nullptr);
  server->start(1);
  ASSERT_TRUE(eventually_in_sync());
  EXPECT_EQ(server->dataplane->peers.size(), 1U);
  EXPECT_EQ(server->dataplane->routes.size(), 1U);
  EXPECT_TRUE(control_plane->problems().empty());
  EXPECT_NE(server->dataplane->cookie_secrets.current, server->dataplane->cookie_secrets.previous);
  EXPECT_NE(server->dataplane->cookie_secrets.previous, (std::array<std::uint8_t, 32>{}));
}

TEST_F(ControlPlaneTest, CompletesAHandshakeThroughTheSocketAndThePool) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); }));
  EXPECT_EQ(server->dataplane->sessions.size(), 1U);
  const wireguard::Instant now{wireguard::from_boottime_ns(boottime_ns_now()), wall_now()};
  const auto finished = ann.receive({server->sent[0].data.data(), server->sent[0].length_bytes}, now);
  EXPECT_TRUE(finished && finished->install);
}

TEST_F(ControlPlaneTest, ReturnsToARestartedDataplaneAndCallsItsPeers) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); }));
  server->kill();
  ASSERT_TRUE(eventually([&] { return control_plane->statistics() == nullptr; }));
  server->sent.clear();
  server->start(2);
  const auto restarted = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); })) << "nobody called the peer";
  EXPECT_LT(std::chrono::steady_clock::now() - restarted, 4s);
  EXPECT_EQ(server->sent[0].remote, ann_at);
  EXPECT_EQ(server->dataplane->peers.size(), 1U);
}

TEST_F(ControlPlaneTest, ReconnectsWhenTheDataplaneCannotBeBelieved) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  server->dataplane->command_ring().read.store(~std::uint64_t{0} / 2);
  ASSERT_TRUE(eventually([&] { return server->connections == 2; }));
  EXPECT_TRUE(eventually_in_sync());
}

TEST_F(ControlPlaneTest, DoesNotWaitForEverForAHello) {
  server->start(1);
  server->silent = true;
  start();
  ASSERT_TRUE(eventually([&] { return server->connections == 1; }));
  server->silent = false;
  EXPECT_TRUE(eventually_in_sync());
  EXPECT_EQ(server->connections, 2);
}

TEST_F(ControlPlaneTest, ReloadsOnlyWhatChangedAndTouchesNoOtherPeer) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->dataplane->sessions.empty(); }));
  server->dataplane->log.clear();
  write_config(peer_text("bob", bob, "10.8.0.3/32"));
  const auto summary = control_plane->reload();
  ASSERT_TRUE(summary);
  ASSERT_EQ(summary->changes.size(), 1U);
  EXPECT_EQ(summary->changes[0], "+ peer bob");
  ASSERT_TRUE(eventually([&] { return server->dataplane->routes.size() == 2; }));
  EXPECT_EQ(server->dataplane->log, (std::vector{abi::CommandKind::set_peer, abi::CommandKind::set_route}));
  EXPECT_EQ(server->dataplane->sessions.size(), 1U);
  EXPECT_TRUE(control_plane->peer_id("bob"));
  EXPECT_EQ(control_plane->peer_name(*control_plane->peer_id("bob")), "bob");
}

TEST_F(ControlPlaneTest, AppliesTheRestOfAReloadAndNamesWhatNeedsARestart) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  dataplane_section = "max_peers = 128\n";
  write_config("[[port]]\nname = \"lan\"\ndevice = \"net_null1\"\nrole = \"inside\"\naddresses = [\"10.0.0.1/24\"]\n" +
               peer_text("bob", bob, "10.8.0.3/32"));
  for (int round = 0; round < 2; ++round) {  // named by each reload until the restart
    const auto summary = control_plane->reload();
    ASSERT_TRUE(summary);
    const auto named = [&](const std::string& text) {
      return std::any_of(summary->warnings.begin(), summary->warnings.end(),
                         [&](const std::string& line) { return line.find(text) != std::string::npos; });
    };
    EXPECT_TRUE(named("[dataplane] max_peers: "));
    EXPECT_TRUE(named("port 'lan' added"));
  }
  ASSERT_TRUE(eventually([&] { return server->dataplane->routes.size() == 2; }));
  EXPECT_TRUE(control_plane->peer_id("bob"));
  EXPECT_EQ(control_plane->configuration().ports.size(), 1U) << "what runs";
  EXPECT_TRUE(has_problem("configuration"));
  dataplane_section.clear();
  write_config(peer_text("bob", bob, "10.8.0.3/32"));
  ASSERT_TRUE(control_plane->reload());
  EXPECT_FALSE(has_problem("configuration"));
}

// The port's new prefix waits for a restart, so the old one is not free yet.
TEST_F(ControlPlaneTest, RefusesAReloadThatTakesThePrefixOfAPortThatRuns) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  wan_address = "198.51.100.1/24";
  write_config(peer_text("bob", bob, "192.0.2.0/24"));
  start_log("test", LogLevel::info, LogFormat::text);
  ::testing::internal::CaptureStderr();
  const auto refused = control_plane->reload();
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("configuration not reloaded"), std::string::npos)
      << "whoever asked for it";
  ASSERT_FALSE(refused);
  EXPECT_NE(config::to_string(refused.error().back()).find("192.0.2.0/24 is the connected prefix of port 'wan'"),
            std::string::npos);
  EXPECT_FALSE(control_plane->peer_id("bob"));
  EXPECT_TRUE(has_problem("configuration"));
  write_config(peer_text("bob", bob, "10.8.0.3/32"));
  EXPECT_TRUE(control_plane->reload()) << "what does not clash is applied";
}

TEST_F(ControlPlaneTest, APeerWhoseKeyChangesKeepsItsRoutes) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  peers = peer_text("ann", bob, "10.8.0.2/32");
  write_config();
  ASSERT_TRUE(control_plane->reload());
  ASSERT_TRUE(eventually([&] {
    return control_plane->commands_pending() == 0 && !server->dataplane->peers.empty() &&
           server->dataplane->peers.begin()->second.key == bob.local->public_key;
  }));
  EXPECT_TRUE(server->dataplane->routes.contains(*IpPrefix::parse("10.8.0.2/32")));
}

TEST_F(ControlPlaneTest, ARenamedPeerIsTheSameOne) {
  server->start(1);
  peers = peer_text("ann", ann, "10.8.0.2/32") + peer_text("bob", bob, "10.8.0.3/32");
  write_config();
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->dataplane->sessions.empty(); }));
  const auto id = control_plane->peer_id("ann");
  server->dataplane->log.clear();
  peers = peer_text("bob", ann, "10.8.0.2/32") + peer_text("ann", bob, "10.8.0.3/32");  // they exchange their names
  write_config();
  ASSERT_TRUE(control_plane->reload());
  ASSERT_TRUE(eventually([&] { return control_plane->commands_pending() == 0; }));
  EXPECT_EQ(control_plane->peer_id("bob"), id);
  EXPECT_EQ(control_plane->peer_name(*id), "bob");
  EXPECT_EQ(control_plane->peer_of(*IpAddress::parse("10.8.0.2"))->name, "bob");
  EXPECT_EQ(server->dataplane->sessions.size(), 1U);
  EXPECT_TRUE(server->dataplane->log.empty()) << "the dataplane knows no names";
}

TEST_F(ControlPlaneTest, CallsItsPeersAfterARestartOfBothProcesses) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); }));
  control_plane.reset();
  server->kill();
  server->sent.clear();
  server->start(2);
  start();
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); })) << "nobody called the peer";
  EXPECT_EQ(server->sent[0].remote, ann_at);
}

TEST_F(ControlPlaneTest, SaysThatTheDataplaneLostARouteAndSendsItAgain) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  server->dataplane->routes.clear();
  server->dataplane->publish_totals();
  const auto with_time = [&](auto&& condition) {
    return [&, condition] {
      server->dataplane->header().updated_at_ns = boottime_ns_now();
      return condition();
    };
  };
  ASSERT_TRUE(eventually(with_time([&] { return has_problem("routes"); })));
  ASSERT_TRUE(eventually(with_time([&] { return server->dataplane->routes.size() == 1; })));
  EXPECT_TRUE(eventually(with_time([&] { return !has_problem("routes"); })));
  EXPECT_EQ(counter("dataplane_resynchronisations"), 1U);
}

TEST_F(ControlPlaneTest, ReloadsNothingOfAFileWithAnError) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  server->dataplane->log.clear();
  const auto refused = [&] {
    const auto reloaded = control_plane->reload();
    return !reloaded && !reloaded.error().empty();
  };
  write_config(peer_text("bob", bob, "10.8.0.2/32"));  // ann's address
  EXPECT_TRUE(refused());
  write_config(peer_text("bob", bob, "10.8.0.3/32") + "preshared_key_file = \"missing.psk\"\n");
  EXPECT_TRUE(refused());
  write_config(peer_text("gateway", gateway, "10.8.0.3/32"));  // our own key
  EXPECT_TRUE(refused());
  write_config("[ipsec]\naddresses = [\"192.0.2.1\"]\n");
  EXPECT_TRUE(refused()) << "nothing serves it yet";
  std::filesystem::remove(folder / "gateway.toml");
  EXPECT_TRUE(refused());
  EXPECT_TRUE(eventually([&] { return control_plane->commands_pending() == 0; }));
  EXPECT_TRUE(server->dataplane->log.empty());
  EXPECT_EQ(control_plane->peers().size(), 1U);
}

TEST_F(ControlPlaneTest, ARefusedReloadIsAProblemWithItsReasonUntilOneIsGood) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  EXPECT_FALSE(has_problem("configuration"));
  write_config("nonsense = true\n");
  EXPECT_FALSE(control_plane->reload());
  EXPECT_TRUE(has_problem("configuration"));
  for (const Problem& problem : control_plane->problems())
    EXPECT_NE(problem.why.find("gateway.toml:"), std::string::npos) << problem.why;
  write_config();
  EXPECT_TRUE(control_plane->reload());
  EXPECT_FALSE(has_problem("configuration"));
}

TEST_F(ControlPlaneTest, ANewPrivateKeyIsNamedInTheSummaryAndEndsSessions) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->dataplane->sessions.empty(); }));
  const wireguard::Endpoint other(4);
  write_key("wg0.key", other.local->private_key.expose());
  const auto summary = control_plane->reload();
  ASSERT_TRUE(summary);
  ASSERT_EQ(summary->changes.size(), 1U);
  EXPECT_NE(summary->changes[0].find("private key"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return server->dataplane->sessions.empty(); }));
  EXPECT_EQ(control_plane->tunnel_public_key("wg0"), other.local->public_key);
  EXPECT_TRUE(
      eventually([&] { return server->dataplane->tunnels.at(0).wireguard.public_key == other.local->public_key; }));
}

TEST_F(ControlPlaneTest, RefusesAReplayAfterBothProcessesRestarted) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  ASSERT_TRUE(eventually([&] { return !server->sent.empty(); }));
  control_plane.reset();  // the state is written at the end
  server->kill();

  server->start(2);
  start();
  ASSERT_TRUE(eventually_in_sync());
  EXPECT_NE(server->dataplane->peers.at(0).history.greatest_timestamp, abi::Tai64n{});
  wireguard::Endpoint old_clock(2);  // ann's key, a clock of yesterday
  old_clock.know(gateway.local->public_key);
  const wireguard::Instant yesterday{wireguard::from_boottime_ns(boottime_ns_now()), wall_now() - 24h};
  const auto initiation = old_clock.want(yesterday);
  abi::PacketUp packet{};
  packet.version = abi::version;
  packet.length_bytes = static_cast<std::uint16_t>(initiation.send->size);
  packet.remote = ann_at;
  std::ranges::copy(initiation.send->view(), packet.data.begin());
  server->dataplane->push_packet(packet, false);
  EXPECT_TRUE(eventually([&] { return counter("handshake_refused_old_timestamp") == 1; }));

  ASSERT_TRUE(control_plane->forget_timestamp("ann"));
  EXPECT_FALSE(control_plane->forget_timestamp("nobody"));
  server->dataplane->push_packet(packet, false);
  EXPECT_TRUE(eventually([&] { return !server->dataplane->sessions.empty(); }));
  EXPECT_EQ(server->dataplane->forgotten_timestamps.size(), 1U);
}

TEST_F(ControlPlaneTest, StartsWhileTheDiskIsFullAndSaysSo) {
  server->start(1);
  start();
  ASSERT_TRUE(eventually_in_sync());
  control_plane.reset();
  {
    const FullDisk full;
    start();
    EXPECT_TRUE(has_problem("state file"));
  }
  EXPECT_TRUE(eventually([&] { return !has_problem("state file"); })) << "it is written when there is room";
  ASSERT_TRUE(eventually_in_sync());
  call(ann);
  EXPECT_TRUE(eventually([&] { return !server->sent.empty(); }));
}

TEST_F(ControlPlaneTest, SaysThatItsStateIsGone) {
  server->start(1);
  start();
  EXPECT_FALSE(has_problem("state file"));
  control_plane.reset();
  std::filesystem::resize_file(folder / "state.db", 0);
  start();
  EXPECT_TRUE(has_problem("state file"));
}

TEST_F(ControlPlaneTest, SaysWhyItCannotStart) {
  { std::ofstream(folder / "state.db") << std::string(5000, 'x'); }
  auto loaded = config::load(folder / "gateway.toml");
  ASSERT_TRUE(loaded);
  control_plane = std::make_unique<ControlPlane>(loop, folder / "gateway.toml", *loaded);
  const auto broken = control_plane->start();
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().machine.find("state.db"), std::string::npos);
  chmod((folder / "wg0.key").c_str(), 0644);
  control_plane = std::make_unique<ControlPlane>(loop, folder / "gateway.toml", *loaded);
  const auto readable = control_plane->start();
  ASSERT_FALSE(readable);
  ASSERT_EQ(readable.error().configuration.size(), 1U);
  EXPECT_NE(config::to_string(readable.error().configuration[0]).find("wg0.key"), std::string::npos);
}

TEST_F(ControlPlaneTest, ACaptureEndsWithItsLastPacketOrWithTheDataplane) {
  server->start(1);
  start();
  abi::SetCapture request{};
  request.peer_id = abi::no_peer;
  request.port_index = abi::no_port;
  request.max_packets = 5;
  request.points = 1;
  EXPECT_FALSE(control_plane->start_capture(
      request, [](const auto&) {}, [] {}))
      << "no dataplane yet";
  ASSERT_TRUE(eventually_in_sync());
  bool ended = false;
  server->dataplane->header().capture_remaining.store(5);
  const auto id = control_plane->start_capture(
      request, [](const auto&) {}, [&] { ended = true; });
  ASSERT_TRUE(id);
  EXPECT_FALSE(control_plane->start_capture(
      request, [](const auto&) {}, [] {}))
      << "one at a time";
  ASSERT_TRUE(eventually([&] { return server->dataplane->capture.capture_id == *id; }));
  EXPECT_FALSE(ended);
  server->dataplane->header().capture_remaining.store(0);
  EXPECT_TRUE(eventually([&] { return ended; }));

  ended = false;
  server->dataplane->header().capture_remaining.store(5);
  const auto next = control_plane->start_capture(
      request, [](const auto&) {}, [&] { ended = true; });
  ASSERT_TRUE(next);
  control_plane->stop_capture(*next);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(eventually([&] { return server->dataplane->capture.capture_id == 0; }));

  ended = false;
  ASSERT_TRUE(control_plane->start_capture(
      request, [](const auto&) {}, [&] { ended = true; }));
  server->kill();
  EXPECT_TRUE(eventually([&] { return ended; }));
}

}  // namespace
}  // namespace sallyport::controlplane::control_plane_test
