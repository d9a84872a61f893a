// The control plane as one object: it joins the configuration, the WireGuard service, the publisher, the link and the
// store, and answers the admin API. Everything runs on one event loop; only Diffie-Hellmans, disk writes and DNS have
// threads of their own, and hand their results back to the loop.
//
//   gateway.toml ─▶ make_objects ─┬─▶ Publisher ────────── commands ─▶┐
//                                 └─▶ WireguardService ── packets ───▶│ DataplaneLink
//   store ◀── timestamps ──────────────┘      ▲──────── events ───────┘
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "config/config.hpp"
#include "controlplane/api/admin_backend.hpp"
#include "controlplane/clock_steps.hpp"
#include "controlplane/dataplane_link.hpp"
#include "controlplane/endpoint_names.hpp"
#include "controlplane/gateway_keys.hpp"
#include "controlplane/handshake_pool.hpp"
#include "controlplane/loop_timer.hpp"
#include "controlplane/name_resolver.hpp"
#include "controlplane/object_ids.hpp"
#include "controlplane/publisher/publisher.hpp"
#include "controlplane/state_writer.hpp"
#include "controlplane/wireguard_service.hpp"

namespace sallyport::controlplane {

// Why the control plane cannot start: errors of the configuration (and of the files that it names), or of the machine.
struct StartFailure {
  std::vector<config::Error> configuration;
  std::string machine;
};

class ControlPlane final : public AdminBackend, private ServiceOutputs, private LinkListener {
 public:
  // Touches nothing yet: threads, files and the link come with start(). `file` is read again at each reload.
  ControlPlane(boost::asio::io_context& loop, std::filesystem::path file, config::Config configuration);
  ~ControlPlane() override;

  [[nodiscard]] tl::expected<void, StartFailure> start();

  // AdminBackend
  [[nodiscard]] const config::Config& configuration() const override { return config_; }
  [[nodiscard]] std::uint64_t started_at_ns() const override { return started_at_ns_; }
  [[nodiscard]] const abi::StatisticsView* statistics() const override;
  [[nodiscard]] std::uint64_t dataplane_connected_since_ns() const override { return connected_since_ns_; }
  [[nodiscard]] std::optional<std::uint32_t> peer_id(std::string_view peer_name) const override;
  [[nodiscard]] std::string peer_name(std::uint32_t peer_id) const override;
  [[nodiscard]] std::optional<PublicKey> tunnel_public_key(std::string_view wireguard_name) const override;
  [[nodiscard]] std::vector<NamedCounter> counters() const override;
  [[nodiscard]] std::vector<Problem> problems() const override;
  [[nodiscard]] std::uint64_t commands_pending() const override { return publisher_.pending(); }
  tl::expected<ReloadSummary, std::vector<config::Error>> reload() override;
  tl::expected<void, std::string> forget_timestamp(std::string_view peer_name) override;
  tl::expected<std::uint32_t, std::string> start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                         std::function<void()> on_end) override;
  void stop_capture(std::uint32_t capture_id) override;

 private:
  // ServiceOutputs
  std::optional<std::uint64_t> install_session(const abi::InstallSession& session) override;
  void retire_session(std::uint32_t index, std::uint64_t session_id) override;
  bool send_packet(const abi::PacketDown& packet) override;
  [[nodiscard]] std::optional<abi::PeerStatusValue> peer_status(std::uint32_t peer_id) const override;
  void reresolve_endpoint(std::uint32_t peer_id) override;
  void timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp) override;

  // LinkListener
  void on_connected(DataplaneConnection& connection) override;
  void on_disconnected(DataplaneConnection& connection, const std::string& why) override;
  void on_connect_failed(const std::string& why) override;
  void on_event(const abi::Event& event) override;
  void on_packet(const abi::PacketUp& packet, bool proven) override { service_.on_packet(packet, proven); }
  void on_captured(const abi::CapturedPacket& packet) override;
  [[nodiscard]] std::size_t packet_room(bool proven) const override {
    return pool_.room(proven ? WorkClass::proven : WorkClass::unproven);
  }
  void on_turn_done() override { flush(); }

  [[nodiscard]] tl::expected<void, std::string> open_store();
  void apply_configuration();
  void restore_timestamps(const StoredState& stored);
  [[nodiscard]] TimestampRow to_row(const wireguard::GreatestTimestamp& timestamp) const;
  void on_resolved(const std::string& name, const std::vector<IpAddress>& addresses);
  void on_clock_step();
  void ask_for_names();
  void rotate_cookie_secrets();
  void watch_capture();
  void end_capture();
  void tick();
  // Pushes what waits, wakes the dataplane and sets the timers; once per turn of the loop.
  void request_flush();
  void flush();

  boost::asio::io_context& loop_;
  const std::filesystem::path file_;
  const std::uint64_t started_at_ns_;
  config::Config config_;
  GatewayKeys keys_;
  ObjectIds ids_;
  EndpointNames names_;
  std::map<std::string, std::uint32_t, std::less<>> peer_ids_by_name_;
  std::map<std::uint32_t, const config::Peer*> peers_by_id_;  // into config_

  // The store, and what it is to be told next.
  StoredState stored_;  // as loaded, until the first link
  std::map<PublicKey, wireguard::Tai64n> floors_;
  StoreChange dirty_;
  std::string store_failure_;
  std::uint64_t store_failures_ = 0;

  HandshakePool pool_;
  WireguardService service_;
  Publisher publisher_;
  DataplaneLink link_;
  NameResolver resolver_;
  std::unique_ptr<StateWriter> writer_;
  std::unique_ptr<ClockSteps> clock_steps_;

  std::optional<std::uint64_t> last_boot_id_;
  std::uint64_t connected_since_ns_ = 0;
  std::uint64_t cookie_secrets_since_ns_ = 0;
  Secret<32> cookie_secret_;
  std::uint64_t clock_steps_seen_ = 0;
  std::uint64_t reconnections_ = 0;
  std::string link_failure_;
  bool wake_wanted_ = false;
  bool flush_posted_ = false;
  bool settings_applied_ = false;

  struct Capture {
    std::uint32_t id;
    std::uint32_t packets_left;
    CaptureSink on_packet;
    std::function<void()> on_end;
    unsigned quiet_checks = 0;
  };
  std::optional<Capture> capture_;
  std::uint32_t last_capture_id_ = 0;

  LoopTimer tick_timer_;
  LoopTimer service_timer_;
  LoopTimer publisher_timer_;
  LoopTimer capture_timer_;
};

}  // namespace sallyport::controlplane
