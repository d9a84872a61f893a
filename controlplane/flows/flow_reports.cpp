#include "controlplane/flows/flow_reports.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace sallyport::controlplane {
namespace {

constexpr std::array<std::pair<std::uint8_t, std::string_view>, 9> protocol_names = {{
    {1, "icmp"},
    {6, "tcp"},
    {17, "udp"},
    {47, "gre"},
    {50, "esp"},
    {51, "ah"},
    {58, "icmp6"},
    {89, "ospf"},
    {132, "sctp"},
}};

// "policy.toml:12", without the column.
std::string place_of(const policy::Rule& rule) {
  if (!rule.location.file) return {};
  return *rule.location.file + ':' + std::to_string(rule.location.line);
}

}  // namespace

bool valid_flow(const abi::FlowRecord& flow) noexcept {
  return flow.source.is_set() && flow.source.valid() && flow.destination.valid() &&
         flow.source.family == flow.destination.family && flow.tcp_state <= abi::TcpState::closed &&
         flow.end <= abi::FlowEnd::endpoint_draining && flow.rule < abi::max_rules &&
         flow.audit_rule < abi::max_rules && flow.allowed <= 1;
}

std::string protocol_name(std::uint8_t protocol) {
  for (const auto& [number, name] : protocol_names)
    if (number == protocol) return std::string(name);
  return std::to_string(protocol);
}

std::string_view name_of(abi::FlowEnd end) noexcept {
  static constexpr std::array<std::string_view, 7> names = {"none",         "timeout", "closed",           "revoked",
                                                            "peer_removed", "denied",  "endpoint_draining"};
  const auto index = static_cast<std::size_t>(end);
  return index < names.size() ? names[index] : "unknown";
}

bool FlowReports::on_event(const abi::Event& event, wireguard::Instant now) {
  const auto checked = [this](const abi::FlowRecord& flow) {
    if (valid_flow(flow)) return true;
    ++malformed_;
    return false;
  };
  if (abi::FlowDenied denied; abi::read_payload(event, denied)) {
    if (checked(denied.flow)) on_denied(denied, now);
  } else if (abi::FlowAllowed allowed; abi::read_payload(event, allowed)) {
    if (checked(allowed.flow)) on_allowed(allowed.flow, now);
  } else if (abi::FlowEnded ended; abi::read_payload(event, ended)) {
    if (checked(ended.flow)) on_ended(ended.flow, now);
  } else if (abi::FlowShown shown; abi::read_payload(event, shown)) {
    if (checked(shown.flow)) surroundings_.shown(shown);
  } else if (abi::FlowListingEnded listing; abi::read_payload(event, listing)) {
    surroundings_.listing_ended(listing);
  } else {
    return false;
  }
  return true;
}

FlowReport FlowReports::report(const abi::FlowRecord& flow, wireguard::Instant now) const {
  FlowReport report;
  report.flow = flow;
  if (flow.source_peer != abi::no_peer) {
    report.peer = surroundings_.peer_name(flow.source_peer);
    report.identity = surroundings_.identity_of(flow.source_peer);
  }
  if (flow.destination_peer != abi::no_peer) {
    report.destination_peer = surroundings_.peer_name(flow.destination_peer);
    report.destination_identity = surroundings_.identity_of(flow.destination_peer);
  }
  if (const policy::Rule* rule = surroundings_.rule(flow.rule)) {
    report.rule = rule->name;
    report.rule_location = place_of(*rule);
  }
  if (const policy::Rule* audit = surroundings_.rule(flow.audit_rule)) report.audit_rule = audit->name;
  report.denied = flow.allowed == 0;
  report.clock_offset = now.wall.time_since_epoch() - now.boot.time_since_epoch();
  return report;
}

void FlowReports::on_denied(const abi::FlowDenied& denied, wireguard::Instant now) {
  ++denied_;
  not_told_ += denied.suppressed;
  FlowReport flow = report(denied.flow, now);
  flow.denied = true;
  const policy::Rule* rule = surroundings_.rule(denied.flow.rule);
  // While flows are recorded, those of rules with log = "none" are told as well.
  const bool wanted = rule == nullptr || rule->log != policy::Log::none;
  if (wanted && denied_log_.admit(wireguard::to_boottime_ns(now.boot)))
    log_info("flow denied", {{"identity", flow.identity},
                             {"peer", flow.peer},
                             {"source", denied.flow.source.to_string()},
                             {"destination", denied.flow.destination.to_string()},
                             {"protocol", protocol_name(denied.flow.protocol)},
                             {"port", denied.flow.destination_port},
                             {"rule", rule == nullptr ? std::string("none") : flow.rule},
                             {"at", flow.rule_location},
                             {"reason", name_of(denied.flow.end)},
                             {"suppressed", denied_log_.take_suppressed()}});
  surroundings_.record(std::move(flow));
}

// The flow of a rule that logs all, or one that an audit rule would have denied.
void FlowReports::on_allowed(const abi::FlowRecord& flow, wireguard::Instant now) {
  ++allowed_;
  const policy::Rule* rule = surroundings_.rule(flow.rule);
  const policy::Rule* audit = surroundings_.rule(flow.audit_rule);
  const bool audited = audit != nullptr && audit->log != policy::Log::none;
  if (!audited && (rule == nullptr || rule->log != policy::Log::all)) return;
  if (!allowed_log_.admit(wireguard::to_boottime_ns(now.boot))) return;
  const FlowReport named = report(flow, now);
  log_info(audited ? "flow would be denied" : "flow allowed", {{"identity", named.identity},
                                                               {"peer", named.peer},
                                                               {"source", flow.source.to_string()},
                                                               {"destination", flow.destination.to_string()},
                                                               {"protocol", protocol_name(flow.protocol)},
                                                               {"port", flow.destination_port},
                                                               {"rule", audited ? audit->name : named.rule},
                                                               {"at", audited ? place_of(*audit) : named.rule_location},
                                                               {"suppressed", allowed_log_.take_suppressed()}});
}

void FlowReports::on_ended(const abi::FlowRecord& flow, wireguard::Instant now) {
  ++ended_;
  surroundings_.record(report(flow, now));
}

std::vector<NamedCounter> FlowReports::counters() const {
  return {{"flows_denied", "denied flows that the dataplane told of", denied_},
          {"flows_denied_not_told", "packets of denied flows between two that it told of", not_told_},
          {"flows_allowed", "flows of rules with log = \"all\" that began", allowed_},
          {"flows_ended", "recorded flows that ended", ended_},
          {"flow_events_malformed", "events about flows with values that cannot be", malformed_}};
}

}  // namespace sallyport::controlplane
