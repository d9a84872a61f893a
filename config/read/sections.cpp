// The sections that exist once: the gateway, the two processes, the policy, and the services around them.
#include <algorithm>

#include "config/limits.hpp"
#include "config/read/draft.hpp"
#include "config/read/network_scalars.hpp"

namespace sallyport::config {
namespace {

constexpr std::string_view off = "off";
constexpr std::string_view automatic = "auto";

// "auto" is nullopt.
Parsed<std::optional<std::uint32_t>> parse_memory_mb(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text != nullptr && *text == automatic) return std::nullopt;
  const auto megabytes = parse_integer(value, limits::memory_mb_lowest, limits::memory_mb_highest);
  if (!megabytes)
    return mismatch("\"auto\" or an integer from " + std::to_string(limits::memory_mb_lowest) + " to " +
                        std::to_string(limits::memory_mb_highest),
                    value);
  return static_cast<std::uint32_t>(*megabytes);
}

// "off" is nullopt.
Parsed<std::optional<IpEndpoint>> parse_metrics(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text != nullptr && *text == off) return std::nullopt;
  const auto endpoint = parse_endpoint(value);
  if (!endpoint) return mismatch("an address and a port such as \"127.0.0.1:9586\", or \"off\"", value);
  return *endpoint;
}

Parsed<bool> parse_policy_default(const TomlValue& value) {
  const auto* text = value.as<std::string>();
  if (text == nullptr || *text != "allow") return mismatch("\"allow\"", value);
  return true;
}

}  // namespace

void read_gateway(Draft& draft, TableReader reader) {
  Gateway& gateway = draft.config.gateway;
  gateway.location = reader.location();
  reader.require("name", gateway.name, parse_name);
}

void read_dataplane(Draft& draft, TableReader reader) {
  Dataplane& dataplane = draft.config.dataplane;
  dataplane.location = reader.location();
  if (reader.has("workers")) {
    const auto workers =
        reader.read_list("workers", {1, limits::workers}, integer_in<std::uint16_t>(0, limits::highest_core));
    dataplane.workers = values_of(workers);
    for (auto worker = workers.begin(); worker != workers.end(); ++worker)
      if (std::any_of(workers.begin(), worker, [&](const auto& before) { return before.value == worker->value; }))
        reader.add_error("workers", worker->at, "core " + std::to_string(worker->value) + " stands here twice");
  }
  reader.read("memory_mb", dataplane.memory_mb, parse_memory_mb);
  reader.read("hugepages", dataplane.hugepages, parse_word<HugePages>);
  reader.read("idle", dataplane.idle, parse_word<IdleMode>);
  reader.read("max_peers", dataplane.max_peers, integer_in<std::uint32_t>(1, limits::max_peers));
  reader.read("max_sessions", dataplane.max_sessions, integer_in<std::uint32_t>(1, limits::max_sessions));
  reader.read("max_flows", dataplane.max_flows, integer_in<std::uint32_t>(1, limits::max_flows));
  reader.read("max_classes", dataplane.max_classes, integer_in<std::uint32_t>(1, limits::max_classes));
  reader.read("crypto", dataplane.crypto, parse_crypto_engine);
  dataplane.eal_args = values_of(reader.read_list("eal_args", {0, limits::eal_args}, parse_text));
  reader.read("user", dataplane.user, parse_user);
  reader.read("socket", dataplane.socket,
              [&](const TomlValue& value) { return parse_socket_path(draft.paths, value); });
  if (dataplane.max_sessions / 2 < dataplane.max_peers)
    draft.warnings.add(reader.position_of("max_sessions"), "max_sessions: " + std::to_string(dataplane.max_sessions) +
                                                               " is less than twice max_peers (" +
                                                               std::to_string(dataplane.max_peers) +
                                                               "): not every peer can hold a session while it rekeys");
}

void read_controlplane(Draft& draft, TableReader reader) {
  Controlplane& controlplane = draft.config.controlplane;
  controlplane.location = reader.location();
  reader.read("socket", controlplane.socket,
              [&](const TomlValue& value) { return parse_socket_path(draft.paths, value); });
  reader.read("state", controlplane.state, draft.paths);
  reader.read("metrics", controlplane.metrics, parse_metrics);
  reader.read("log_level", controlplane.log_level, parse_word<LogLevel>);
  reader.read("log_format", controlplane.log_format, parse_word<LogFormat>);
  reader.read("user", controlplane.user, parse_user);
}

void read_policy(Draft& draft, TableReader reader) {
  Policy& policy = draft.config.policy;
  policy.location = reader.location();
  reader.read("default", policy.allow_everything, parse_policy_default);
  policy.files = values_of(reader.read_list("files", {1, limits::policy_files}, draft.paths));
  if (reader.has("default") == reader.has("files"))
    reader.errors().add(reader.position(), std::string("[policy]: expected either default = \"allow\" or files, got ") +
                                               (reader.has("files") ? "both" : "neither"));
  if (policy.allow_everything)
    draft.warnings.add(reader.position_of("default"),
                       "default: every peer may reach everything (a plain VPN without policy)");
}

void read_enrolment(Draft& draft, TableReader reader) {
  Enrolment& enrolment = draft.config.enrolment.emplace();
  enrolment.location = reader.location();
  reader.require("listen", enrolment.listen, parse_endpoint);
  reader.require("certificate_file", enrolment.certificate_file, draft.paths);
  reader.require("private_key_file", enrolment.private_key_file,
                 [&](const TomlValue& value) { return parse_secret_file(draft.paths, value); });
  enrolment.client_ca_files = values_of(reader.read_list("client_ca_files", {0, limits::ca_files}, draft.paths));
  reader.require("wireguard", enrolment.wireguard, parse_name);
  reader.require("pool", enrolment.pool, parse_name);
  reader.read("endpoint", enrolment.endpoint, parse_host_port);
  reader.read("sessions_per_identity", enrolment.sessions_per_identity,
              integer_in<std::uint32_t>(1, limits::sessions_per_identity));
  reader.read("requests_per_s", enrolment.requests_per_s, integer_in<std::uint32_t>(1, limits::requests_per_s));
  reader.read("max_session", enrolment.max_session, parse_duration);
  reader.read("post_quantum", enrolment.post_quantum, parse_word<PostQuantum>);
  enrolment.dns = values_of(reader.read_list("dns", {0, limits::enrolment_dns}, parse_address));
  enrolment.routes = values_of(reader.read_list("routes", {0, limits::enrolment_routes}, parse_prefix));
}

void read_cluster(Draft& draft, TableReader reader, const TomlEntry& entry) {
  Cluster& cluster = draft.config.clusters.emplace_back();
  cluster.location = reader.location();
  cluster.name = entry.key;
  if (!is_name(entry.key))
    reader.errors().add(entry.position,
                        "cluster: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got " +
                            in_quotes(entry.key));
  reader.require("api_server", cluster.api_server, parse_https_url);
  reader.require("ca_file", cluster.ca_file, draft.paths);
  reader.require("token_file", cluster.token_file, draft.paths);
  reader.read("on_stale", cluster.on_stale, parse_word<OnStale>);
  reader.read("stale_after", cluster.stale_after, parse_duration);
}

void read_flow_records(Draft& draft, TableReader reader) {
  FlowRecords& records = draft.config.flow_records.emplace();
  records.location = reader.location();
  reader.require("file", records.file, draft.paths);
  reader.read("rotate_mb", records.rotate_mb, integer_in<std::uint32_t>(1, 1048576));
  reader.read("keep", records.keep, integer_in<std::uint32_t>(0, 10000));
}

}  // namespace sallyport::config
