// The whole process but main(): event loop, threads, files and a socket, against a FakeDataplane.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "config/load.hpp"
#include "controlplane/control_plane.hpp"
#include "tests/unit/controlplane/fake_dataplane_server.hpp"
#include "tests/unit/wireguard/lab.hpp"

namespace sallyport::controlplane::testing {

using namespace std::chrono_literals;

inline const IpEndpoint ann_at = *IpEndpoint::parse("198.51.100.7:4242");

// `gateway.toml` has one peer, ann, unless write_config() says more.
class ControlPlaneLab : public ::testing::Test {
 protected:
  ControlPlaneLab() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-cp-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    server = std::make_unique<FakeDataplaneServer>(folder / "dataplane.sock");
    write_key("wg0.key", gateway.local->private_key.expose());
    peers = peer_text("ann", ann, "10.8.0.2/32");
    write_config();
    ann.know(gateway.local->public_key);
    bob.know(gateway.local->public_key);
  }
  ~ControlPlaneLab() override {
    control_plane.reset();
    std::filesystem::remove_all(folder);
  }

  static std::string peer_text(const std::string& name, const wireguard::Endpoint& client,
                               const std::string& allowed_ips) {
    return "[[peer]]\nname = \"" + name + "\"\nwireguard = \"wg0\"\npublic_key = \"" +
           encode_key(client.local->public_key) + "\"\nallowed_ips = [\"" + allowed_ips + "\"]\n";
  }
  void write_key(const std::string& name, std::span<const std::uint8_t, 32> key) {
    std::ofstream(folder / name) << encode_key(key) << '\n';
    chmod((folder / name).c_str(), 0600);
  }
  void write_config(const std::string& more = {}) {
    std::ofstream(folder / "gateway.toml")
        << "[gateway]\nname = \"test\"\n[policy]\n"
        << policy_section << '\n'
        << "[dataplane]\nsocket = \"" << (folder / "dataplane.sock").string() << "\"\n"
        << dataplane_section << "\n[controlplane]\nsocket = \"" << (folder / "control.sock").string()
        << "\"\nstate = \"" << (folder / "state.db").string()
        << "\"\nmetrics = \"off\"\n[[port]]\nname = \"wan\"\ndevice = \"net_null0\"\n"
        << "role = \"underlay\"\naddresses = [\"" << wan_address << "\"]\n"
        << "[[wireguard]]\nname = \"wg0\"\nlisten_port = 51820\n"
        << "private_key_file = \"wg0.key\"\naddresses = [\"10.8.0.1/16\"]\n"
        << peers << more;
  }
  void start() {
    const auto started = try_to_start();
    ASSERT_TRUE(started) << started.error().machine;
  }
  [[nodiscard]] tl::expected<void, StartFailure> try_to_start() {
    auto loaded = config::load(folder / "gateway.toml");
    if (!loaded)
      for (const config::Error& error : loaded.error()) ADD_FAILURE() << config::to_string(error);
    if (!loaded) return tl::unexpected(StartFailure{});
    control_plane = std::make_unique<ControlPlane>(loop, folder / "gateway.toml", std::move(*loaded));
    return control_plane->start();
  }
  [[nodiscard]] bool has_problem(const std::string& what) const {
    const auto problems = control_plane->problems();
    return std::any_of(problems.begin(), problems.end(),
                       [&](const Problem& problem) { return problem.what.find(what) != std::string::npos; });
  }
  // Both run until it is so, for ten seconds at most.
  template <typename Condition>
  [[nodiscard]] bool eventually(Condition&& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < give_up) {
      server->poll();
      loop.restart();
      loop.run_for(2ms);
      if (condition()) return true;
    }
    return false;
  }
  [[nodiscard]] bool eventually_in_sync() {
    return eventually([&] {
      return control_plane->statistics() != nullptr && control_plane->commands_pending() == 0 &&
             !server->dataplane->log.empty() && !server->dataplane->tunnels.empty();
    });
  }
  void call(wireguard::Endpoint& client) {
    const wireguard::Instant now{wireguard::from_boottime_ns(boottime_ns_now()), wall_now()};
    const auto initiation = client.want(now);
    ASSERT_TRUE(initiation.send);
    abi::PacketUp packet{};
    packet.version = abi::version;
    packet.length_bytes = static_cast<std::uint16_t>(initiation.send->size);
    packet.remote = ann_at;
    std::ranges::copy(initiation.send->view(), packet.data.begin());
    server->dataplane->push_packet(packet, false);
  }
  static std::uint64_t boottime_ns_now() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
  }
  static wireguard::WallTime wall_now() {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
  std::uint64_t counter(const std::string& name) const {
    for (const NamedCounter& candidate : control_plane->counters())
      if (candidate.name == name) return candidate.value;
    return ~std::uint64_t{0};
  }

  std::filesystem::path folder;
  wireguard::Endpoint gateway{1};
  wireguard::Endpoint ann{2};
  wireguard::Endpoint bob{3};
  std::string peers;
  std::string wan_address = "192.0.2.1/24";
  std::string dataplane_section;
  std::string policy_section = "default = \"allow\"";
  boost::asio::io_context loop{1};
  std::unique_ptr<FakeDataplaneServer> server;
  std::unique_ptr<ControlPlane> control_plane;
};

}  // namespace sallyport::controlplane::testing
