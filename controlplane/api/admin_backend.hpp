// What the admin API needs of the control plane, and nothing else. The event loop implements it; every call is made on
// the event loop's thread and none blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "config/base/base64.hpp"
#include "config/config.hpp"
#include "controlplane/api/enrolment_backend.hpp"
#include "controlplane/api/policy_backend.hpp"
#include "controlplane/identity/peer.hpp"
#include "controlplane/runtime/report.hpp"
#include "dataplane/abi/packets.hpp"
#include "dataplane/abi/statistics_view.hpp"

namespace sallyport::controlplane {

struct ReloadSummary {
  std::vector<std::string> changes;  // one line each: "peer ann-laptop added"
  std::vector<std::string> warnings;
};

// How the newest attempt to reload ended, by the API or by SIGHUP; the load at the start counts as the first.
struct LastReload {
  bool succeeded = true;
  std::uint64_t at_ns = 0;  // CLOCK_BOOTTIME
};

class AdminBackend : public PolicyBackend, public EnrolmentBackend {
 public:
  [[nodiscard]] virtual const config::Config& configuration() const = 0;
  // All that there are: of gateway.toml, of peers.d, by proof.
  [[nodiscard]] virtual std::span<const Peer> peers() const = 0;
  [[nodiscard]] virtual std::uint64_t started_at_ns() const = 0;
  // Null while no dataplane is connected.
  [[nodiscard]] virtual const abi::StatisticsView* statistics() const = 0;
  [[nodiscard]] virtual std::uint64_t dataplane_connected_since_ns() const = 0;
  [[nodiscard]] virtual std::optional<std::uint32_t> peer_id(std::string_view peer_name) const = 0;
  [[nodiscard]] virtual std::string peer_name(std::uint32_t peer_id) const = 0;  // empty: unknown
  [[nodiscard]] virtual std::optional<PublicKey> tunnel_public_key(std::string_view wireguard_name) const = 0;
  [[nodiscard]] virtual std::vector<NamedCounter> counters() const = 0;
  [[nodiscard]] virtual std::vector<Problem> problems() const = 0;
  // Commands not yet applied by the dataplane.
  [[nodiscard]] virtual std::uint64_t commands_pending() const = 0;

  // Reads the configuration again; all of it takes effect or nothing.
  virtual tl::expected<ReloadSummary, std::vector<config::Error>> reload() = 0;
  // Nothing: not told apart from a load that succeeded at the start.
  [[nodiscard]] virtual std::optional<LastReload> last_reload() const { return std::nullopt; }
  virtual tl::expected<void, std::string> forget_timestamp(std::string_view peer_name) = 0;

  // One capture at a time. `on_packet` is called for each packet until `on_end` (called once: the bound was reached,
  // the dataplane went away, or stop_capture). The capture_id of `request` is filled in by the backend.
  using CaptureSink = std::function<void(const abi::CapturedPacket&)>;
  virtual tl::expected<std::uint32_t, std::string> start_capture(abi::SetCapture request, CaptureSink on_packet,
                                                                 std::function<void()> on_end) = 0;
  virtual void stop_capture(std::uint32_t capture_id) = 0;
};

}  // namespace sallyport::controlplane
