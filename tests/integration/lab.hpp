// A whole dataplane on one thread: the Gateway over in-process cables, with the test as the network around it, as the
// WireGuard clients, and as the control plane. Workers and housekeeping are driven by hand; nothing sleeps.
//
//   clients -- wan  underlay  192.0.2.1/24, 2001:db8::1/64, gateways .254, ::fe   02:00:00:00:01:00
//   hosts   -- lan  inside    10.0.0.1/24, fd00::1/64                              02:00:00:00:01:01
//   hosts   == trunk, VLAN 12 "dmz"  inside  10.12.0.1/24, fd12::1/64              02:00:00:00:01:02
//   tunnel 0, port 51820: 10.8.0.1/16, fd08::1/64, MTU 1420. Clients ann (over IPv4) and bob (over IPv6).
//
// Every station on a cable has the MAC 02:00:00:00:fe:DEVICE and answers ARP and neighbour solicitations, unless
// `answers_neighbours` is false: then the test sees the questions.
#pragma once

#include <rte_cycles.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/wireguard/keys.hpp"
#include "dataplane/gateway.hpp"
#include "tests/integration/control_plane.hpp"
#include "tests/integration/frames.hpp"
#include "tests/integration/wire.hpp"
#include "tests/integration/wireguard_peer.hpp"

namespace sallyport::integration {

using abi::Counter;
using abi::DropReason;

// Logical ports; the devices have the same numbers.
inline constexpr std::uint8_t wan = 0, lan = 1, dmz = 2;
inline constexpr unsigned dmz_vlan = 12;
inline constexpr std::uint16_t listen_port = 51820;

[[nodiscard]] constexpr Mac port_mac(std::uint8_t port) {
  return {2, 0, 0, 0, 1, port};
}
[[nodiscard]] constexpr Mac far_mac(std::uint8_t device) {
  return {2, 0, 0, 0, 0xfe, device};
}

// Once in a process, before the first Lab.
void start_eal_without_privileges();

struct Frame {
  std::uint8_t device;
  unsigned vlan;  // 0: untagged. The tag is taken off.
  Bytes bytes;
};

struct LabOptions {
  unsigned workers = 1;
  unsigned queues = 1;  // of each device
  std::uint32_t max_peers = 1024;
  std::uint32_t max_sessions = 2048;
  std::function<void(config::Config&)> adjust;
};

class Lab {
 public:
  explicit Lab(const LabOptions& options = {});
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // --- the control plane ---
  void connect();     // a new one; its commands count from 1
  void disconnect();  // it is gone, and the dataplane has noticed
  // The tunnel, a policy that allows everything, ann and bob with routes and sessions; everything announced is drained.
  void set_up();
  void set_up_again();  // the same over the present link
  [[nodiscard]] abi::SetTunnel tunnel() const;
  [[nodiscard]] abi::SetPeer peer_command(const WireguardPeer& peer) const;
  [[nodiscard]] abi::SetRoute route_to(const IpPrefix& prefix, const WireguardPeer& peer) const;
  void add_peer(const WireguardPeer& peer);
  // The install of a new session, with keys of its own; not pushed.
  [[nodiscard]] abi::InstallSession new_session(WireguardPeer& peer, abi::HandshakeRole role);
  void give_session(WireguardPeer& peer, abi::HandshakeRole role = abi::HandshakeRole::initiator);

  // --- the network ---
  // Onto the cable of `device`, as it is. False: the cable or the pool is full.
  bool put(std::uint8_t device, const Bytes& frame, unsigned queue = 0);
  // An IP packet from the station at the far end of `port` (tagged if the port is).
  bool put_packet(std::uint8_t port, const Bytes& ip_packet, unsigned queue = 0);
  // A UDP datagram of a client to the gateway's tunnel.
  bool put_message(const IpEndpoint& from, const Bytes& message, unsigned tos = 0, unsigned queue = 0);
  // The same, padded, sealed and sent by `peer`.
  bool put_inner(WireguardPeer& peer, const Bytes& inner, std::optional<std::uint64_t> counter = {});
  // Turns all wheels until nothing moves any more.
  void settle();
  void turn();                              // each wheel once
  void advance(std::uint64_t nanoseconds);  // the clock, and the age of everything; then settle()
  // What the gateway sent since the last call (settle() first). IP packets without neighbour messages.
  [[nodiscard]] std::vector<Frame> sent();
  // settle(), then the one frame that was sent through `port`; empty bytes if it was none or several.
  [[nodiscard]] Bytes only_frame(std::uint8_t port);
  [[nodiscard]] Bytes only_packet(std::uint8_t port);  // its IP packet
  // settle(), then the plaintext of the one data message that was sent to `peer`.
  [[nodiscard]] std::optional<Bytes> only_inner(const WireguardPeer& peer);
  bool answers_neighbours = true;

  // --- what the gateway says ---
  [[nodiscard]] std::uint64_t counter(Counter which) const;
  [[nodiscard]] std::uint64_t dropped(DropReason which) const;
  [[nodiscard]] std::uint64_t all_dropped() const;
  // Both sides of the accounting, held packets included on the right.
  [[nodiscard]] std::uint64_t packets_in() const;
  [[nodiscard]] std::uint64_t packets_out() const;
  [[nodiscard]] std::string drops() const;  // for messages
  // Gives up everything that waits: fragments, neighbours, staged packets.
  void drop_everything_held();

  [[nodiscard]] dataplane::Worker& worker(unsigned id = 0) { return *gateway->workers()[id]; }
  [[nodiscard]] const IpEndpoint& gateway_endpoint(IpFamily family) const {
    return family == IpFamily::v4 ? gateway_v4_ : gateway_v6_;
  }

  std::shared_ptr<const wireguard::LocalIdentity> identity;  // of the tunnel
  WireguardPeer ann, bob;
  std::vector<std::unique_ptr<Wire>> wires;
  std::unique_ptr<dataplane::Gateway> gateway;
  std::unique_ptr<ControlPlane> control;
  std::string socket_path;

  // Numbers for policy images, each new; image() is the last one.
  std::uint64_t next_image() { return ++image_; }
  [[nodiscard]] std::uint64_t image() const { return image_; }

 private:
  bool collect();
  bool run_housekeeping();
  void age_stamps(std::uint64_t nanoseconds);
  void answer(std::uint8_t device, unsigned vlan, const Bytes& question);

  IpEndpoint gateway_v4_, gateway_v6_;
  std::vector<Frame> frames_;
  std::uint64_t sessions_made_ = 0;
  std::uint64_t image_ = 0;
  std::uint64_t ahead_of_tsc_ns_ = 0;  // what the clock was moved since housekeeping calibrated it against the TSC
};

}  // namespace sallyport::integration
