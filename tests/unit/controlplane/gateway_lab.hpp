// A control plane without an event loop: the real WireGuard service and publisher on real rings to a FakeDataplane, a
// clock that the test turns, a pool that runs when told, and clients made of the protocol core.
#pragma once

#include <fcntl.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/link/dataplane_connection.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"
#include "tests/unit/controlplane/fake_dataplane.hpp"
#include "tests/unit/wireguard/lab.hpp"

namespace sallyport::controlplane::testing {

// Runs tasks when the test says so.
class ManualPool final : public WorkPool {
 public:
  bool submit(WorkClass work_class, std::unique_ptr<Task> task) override {
    if (!has_room(work_class)) return false;
    tasks.push_back(std::move(task));
    return true;
  }
  [[nodiscard]] std::size_t room(WorkClass work_class) const override {
    return !full || work_class == WorkClass::begun ? 1000 : 0;
  }
  bool run_one() {
    if (tasks.empty()) return false;
    const std::unique_ptr<Task> task = std::move(tasks.front());
    tasks.pop_front();
    task->work();
    task->finish();
    return true;
  }

  std::deque<std::unique_ptr<Task>> tasks;
  bool full = false;
};

inline std::unique_ptr<DataplaneConnection> connect_to(const FakeDataplane& dataplane) {
  abi::ReceivedHello received{dataplane.hello(), {}};
  const auto descriptors = dataplane.descriptors();
  for (std::size_t i = 0; i < descriptors.size(); ++i)
    received.descriptors[i] = abi::FileDescriptor(fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0));
  auto opened = DataplaneConnection::open(std::move(received));
  EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error());
  return opened ? std::move(*opened) : nullptr;
}

class GatewayLab : private ServiceOutputs {
 public:
  explicit GatewayLab(std::uint64_t first_sync_id = 1)
      : gateway(99),
        service(*this, pool, wireguard::TestRandom(5), [this] { return now; }),
        publisher({.complete_peer = [this](abi::SetPeer& peer) { service.complete(peer); },
                   .on_install_refused =
                       [this](std::uint32_t index, std::uint64_t session_id, abi::Refusal reason) {
                         service.on_install_refused(index, session_id, reason);
                       }},
                  first_sync_id) {
    settings.tunnels.push_back({0, "wg0", gateway.local, {}});
  }

  // A peer of the configuration, and the client that has its private key.
  wireguard::Endpoint& add_client(std::uint32_t id, const IpEndpoint& endpoint = {}, bool keepalive = false) {
    clients.push_back(std::make_unique<wireguard::Endpoint>(id + 1000));
    wireguard::Endpoint& client = *clients.back();
    client.know(gateway.local->public_key);
    auto keys = wireguard::make_peer_keys(*gateway.local, client.local->public_key, {});
    settings.peers.push_back({.peer_id = id,
                              .tunnel_id = 0,
                              .name = "peer-" + std::to_string(id),
                              .keys = *keys,
                              .endpoint = endpoint,
                              .persistent_keepalive = keepalive});
    return client;
  }

  // The peer gets another key, and the client that has it; its former one stays good.
  wireguard::Endpoint& change_key(std::uint32_t id, std::uint64_t seed) {
    clients.push_back(std::make_unique<wireguard::Endpoint>(seed));
    wireguard::Endpoint& client = *clients.back();
    client.know(gateway.local->public_key);
    PeerSettings& peer = settings.peers.at(id);
    peer.former_keys =
        std::exchange(peer.keys, *wireguard::make_peer_keys(*gateway.local, client.local->public_key, {}));
    apply();
    if (dataplane != nullptr) settle();
    return client;
  }

  void apply() {
    DesiredState desired;
    for (const TunnelSettings& tunnel : settings.tunnels) {
      abi::SetTunnel message = tunnel_command(tunnel.tunnel_id);
      message.wireguard.public_key = tunnel.identity->public_key;
      desired.tunnels[tunnel.tunnel_id] = {message, tunnel.name};
    }
    for (const PeerSettings& peer : settings.peers) {
      abi::SetPeer message{};
      message.peer_id = peer.peer_id;
      message.tunnel_id = peer.tunnel_id;
      message.key = peer.keys->public_key;
      if (peer.former_keys) message.former_key = peer.former_keys->public_key;
      message.endpoint = peer.endpoint;
      desired.peers[peer.peer_id] = {message, peer.name};
    }
    publisher.set_desired(std::move(desired));
    service.apply(settings);
  }

  void connect(FakeDataplane& to, bool same_boot = false) {
    dataplane = &to;
    connection = connect_to(to);
    publisher.connect(connection->command_ring(), connection->statistics().header().applied_sequence);
    service.on_connected(connection->statistics(), same_boot);
    settle();
  }
  void disconnect() {
    service.on_disconnected(connection->statistics());
    publisher.disconnect();
    connection.reset();
    dataplane = nullptr;
  }

  // Everything that is under way arrives and is computed, on both sides.
  void settle() {
    for (bool moved = true; moved;) {
      moved = pool.run_one();
      moved |= publisher.pump(wireguard::to_boottime_ns(now.boot)) != Publisher::Pumped::nothing;
      moved |= dataplane->apply() != 0;
      for (const abi::PacketDown& packet : dataplane->take_packets()) {
        sent.push_back(packet);
        moved = true;
      }
      abi::Event event;
      while (connection->events.pop(event) == abi::RingResult::ok) {
        moved = true;
        if (abi::CommandRefused refused; abi::read_payload(event, refused))
          (void)publisher.on_refused(refused, wireguard::to_boottime_ns(now.boot));
        else
          service.on_event(event);
      }
      abi::PacketUp packet;
      while (connection->packets_up_proven.pop(packet) == abi::RingResult::ok) {
        moved = true;
        service.on_packet(packet, true);
      }
      while (connection->packets_up.pop(packet) == abi::RingResult::ok) {
        moved = true;
        service.on_packet(packet, false);
      }
    }
  }
  // Time passes in steps of 10 ms, and timers fire.
  void pass(std::chrono::nanoseconds time) {
    const wireguard::BootTime until = now.boot + time;
    while (now.boot < until) {
      now.boot += std::chrono::milliseconds(10);
      now.wall += std::chrono::milliseconds(10);
      if (const auto deadline = service.next_deadline(); deadline && *deadline <= now.boot) {
        service.on_timer();
        if (dataplane != nullptr) settle();
      }
    }
  }

  // A message from a client, as the dataplane passes it up.
  void receive(wireguard::Bytes message, const IpEndpoint& from, bool proven = false) {
    abi::PacketUp packet{};
    packet.version = abi::version;
    packet.length_bytes = static_cast<std::uint16_t>(message.size());
    packet.received_at_ns = wireguard::to_boottime_ns(now.boot);
    packet.remote = from;
    packet.local = *IpEndpoint::parse(from.address.is_v4() ? "192.0.2.1:51820" : "[2001:db8::1]:51820");
    std::copy(message.begin(), message.end(), packet.data.begin());
    dataplane->push_packet(packet, proven);
    settle();
  }
  static wireguard::Bytes bytes_of(const abi::PacketDown& packet) { return {packet.data.data(), packet.length_bytes}; }
  std::vector<abi::PacketDown> take_sent() { return std::exchange(sent, {}); }

  std::uint64_t counter(const std::string& name) const {
    for (const NamedCounter& candidate : service.counters())
      if (candidate.name == name) return candidate.value;
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  wireguard::Instant now = wireguard::at(std::chrono::hours(1));
  wireguard::Endpoint gateway;
  ManualPool pool;
  WireguardService service;
  Publisher publisher;
  ServiceSettings settings;
  std::vector<std::unique_ptr<wireguard::Endpoint>> clients;
  FakeDataplane* dataplane = nullptr;
  std::unique_ptr<DataplaneConnection> connection;
  std::vector<abi::PacketDown> sent;
  std::vector<std::uint32_t> names_asked_for;
  std::vector<std::pair<PeerKey, wireguard::GreatestTimestamp>> remembered;
  std::map<PeerKey, std::pair<IpEndpoint, IpEndpoint>> endpoints;  // remote and local

 private:
  std::optional<std::uint64_t> install_session(const abi::InstallSession& session) override {
    return publisher.install_session(session);
  }
  void retire_session(std::uint32_t index, std::uint64_t session_id) override {
    publisher.send_now(abi::RetireSession{index, 0, session_id});
  }
  bool send_packet(const abi::PacketDown& packet) override { return connection && connection->send_packet(packet); }
  std::optional<abi::PeerStatusValue> peer_status(std::uint32_t id) const override {
    return connection ? connection->statistics().peer(id) : std::nullopt;
  }
  void reresolve_endpoint(std::uint32_t peer_id) override { names_asked_for.push_back(peer_id); }
  void timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp) override {
    remembered.emplace_back(peer, timestamp);
  }
  void endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local) override {
    endpoints[peer] = {remote, local};
  }
};

}  // namespace sallyport::controlplane::testing
