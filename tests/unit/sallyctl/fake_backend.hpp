// An AdminBackend for tests: a small configuration and a real statistics segment, both free to change; it records what
// it is asked to do.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/api/admin_backend.hpp"

namespace sallyport::controlplane {

class FakeBackend final : public AdminBackend {
 public:
  static constexpr std::uint32_t workers = 2;
  static constexpr std::uint32_t max_peers = 16;
  static constexpr std::uint32_t max_sessions = 64;
  static constexpr std::uint64_t now_ns = 1'000'000'000'000'000;  // CLOCK_BOOTTIME of every answer of a pure test

  // Ports wan and lan, tunnel wg0, peers ann-laptop (with a live session) and bob-phone (never seen).
  FakeBackend();

  // Writable access to the segment, as the dataplane has it.
  [[nodiscard]] abi::StatisticsHeader& header();
  void count(std::uint32_t writer, unsigned port, unsigned counter, std::uint64_t value);
  void write_peer(std::uint32_t id, const abi::PeerStatusValue& value);
  void write_session(const abi::SessionStatusValue& value);
  void write_port(unsigned index, const abi::PortStatusValue& value);
  void write_neighbour(unsigned index, const abi::NeighbourStatusValue& value);
  [[nodiscard]] static abi::CapturedPacket packet(abi::CapturePoint point, std::string_view bytes);

  [[nodiscard]] const config::Config& configuration() const override { return config; }
  [[nodiscard]] std::uint64_t started_at_ns() const override { return now_ns - 3600 * second; }
  [[nodiscard]] const abi::StatisticsView* statistics() const override { return connected ? &view_ : nullptr; }
  [[nodiscard]] std::uint64_t dataplane_connected_since_ns() const override { return now_ns - 60 * second; }
  [[nodiscard]] std::optional<std::uint32_t> peer_id(std::string_view name) const override;
  [[nodiscard]] std::string peer_name(std::uint32_t id) const override;
  [[nodiscard]] std::optional<PublicKey> tunnel_public_key(std::string_view name) const override;
  [[nodiscard]] std::vector<NamedCounter> counters() const override { return named_counters; }
  [[nodiscard]] std::vector<Problem> problems() const override { return problem_list; }
  [[nodiscard]] std::uint64_t commands_pending() const override { return 3; }
  tl::expected<ReloadSummary, std::vector<config::Error>> reload() override { return reload_result; }
  [[nodiscard]] std::optional<LastReload> last_reload() const override { return newest_reload; }
  tl::expected<void, std::string> forget_timestamp(std::string_view name) override;
  tl::expected<std::uint32_t, std::string> start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                         std::function<void()> on_end) override;
  void stop_capture(std::uint32_t capture_id) override;

  static constexpr std::uint64_t second = 1'000'000'000;

  config::Config config;
  bool connected = true;
  std::vector<NamedCounter> named_counters;
  std::vector<Problem> problem_list;
  tl::expected<ReloadSummary, std::vector<config::Error>> reload_result;
  std::optional<LastReload> newest_reload;
  std::vector<std::string> forgotten;
  std::optional<abi::SetCapture> capture;  // the running one
  CaptureSink capture_sink;
  std::function<void()> capture_end;
  unsigned captures_stopped = 0;
  std::vector<abi::CapturedPacket> packets_at_start;  // come as soon as a capture runs

 private:
  abi::Segment segment_;
  abi::StatisticsView view_;
};

}  // namespace sallyport::controlplane
