// What the dataplane tells of flows, made into log lines, records and the answer to a listing. Events come from the
// other process: nothing of one is believed before valid_flow() looked at it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/log.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/wireguard/instant.hpp"
#include "dataplane/abi/events.hpp"
#include "policy/model.hpp"

namespace sallyport::controlplane {

// Addresses are of one family, enums and rule numbers in their range. Peer ids may be anybody's.
[[nodiscard]] bool valid_flow(const abi::FlowRecord& flow) noexcept;
// "tcp", or the number.
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);
// "timeout", "denied", "endpoint_draining": why a flow ended, or never was.
[[nodiscard]] std::string_view name_of(abi::FlowEnd end) noexcept;

// A flow with names for its numbers, as they are at the moment.
struct FlowReport {
  abi::FlowRecord flow{};
  std::string identity, peer;  // empty: an inside port
  std::string destination_identity, destination_peer;
  std::string rule, rule_location;  // empty: no rule
  std::string audit_rule;
  bool denied = false;
  std::chrono::nanoseconds clock_offset{0};  // wall time minus CLOCK_BOOTTIME
};

class FlowReports {
 public:
  struct Surroundings {
    std::function<std::string(std::uint32_t)> peer_name;    // empty: unknown
    std::function<std::string(std::uint32_t)> identity_of;  // as peer_name
    std::function<const policy::Rule*(std::uint32_t)> rule;
    std::function<void(FlowReport)> record;  // called for each record; may do nothing
    std::function<void(const abi::FlowShown&)> shown;
    std::function<void(const abi::FlowListingEnded&)> listing_ended;
  };
  explicit FlowReports(Surroundings surroundings) : surroundings_(std::move(surroundings)) {}

  // True if it was an event about flows, valid or not.
  bool on_event(const abi::Event& event, wireguard::Instant now);

  [[nodiscard]] std::vector<NamedCounter> counters() const;

 private:
  void on_denied(const abi::FlowDenied& denied, wireguard::Instant now);
  void on_allowed(const abi::FlowRecord& flow, wireguard::Instant now);
  void on_ended(const abi::FlowRecord& flow, wireguard::Instant now);
  [[nodiscard]] FlowReport report(const abi::FlowRecord& flow, wireguard::Instant now) const;

  Surroundings surroundings_;
  LogLimiter denied_log_{50, 100'000'000};
  LogLimiter allowed_log_{50, 100'000'000};
  std::uint64_t denied_ = 0, allowed_ = 0, ended_ = 0, not_told_ = 0, malformed_ = 0;
};

}  // namespace sallyport::controlplane
