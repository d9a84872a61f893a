// Every metric that is not a counter of dataplane/abi/counters.hpp: its name, type and help text, declared once.
#pragma once

#include <cstdint>
#include <string_view>

namespace sallyport::controlplane {

// id, name, type, help
#define SALLYPORT_METRICS(X)                                                                                         \
  X(build, "sallyport_build_info", gauge, "1; the labels say what runs")                                             \
  X(connected, "sallyport_dataplane_connected", gauge, "1 while the control plane is connected to a dataplane")      \
  X(started, "sallyport_dataplane_start_time_seconds", gauge, "when the dataplane started, Unix time")               \
  X(updated, "sallyport_dataplane_updated_seconds_ago", gauge, "age of the dataplane's latest sign of life")         \
  X(peers, "sallyport_peers", gauge, "peers that the dataplane has")                                                 \
  X(sessions, "sallyport_sessions", gauge, "live sessions")                                                          \
  X(routes, "sallyport_routes", gauge, "routes that the dataplane has")                                              \
  X(neighbours, "sallyport_neighbours", gauge, "neighbours (ARP and ND) that the dataplane knows")                   \
  X(buffers, "sallyport_buffers", gauge, "packet buffers that there are")                                            \
  X(buffers_used, "sallyport_buffers_in_use", gauge, "packet buffers outside their pools")                           \
  X(flows, "sallyport_live_flows", gauge, "flows in the flow table")                                                 \
  X(most_flows, "sallyport_max_flows", gauge, "flows that the flow table can hold")                                  \
  X(held, "sallyport_packets_held", gauge, "packets staged, waiting for a neighbour or for fragments")               \
  X(under_load, "sallyport_under_load", gauge, "1 while handshakes need a cookie")                                   \
  X(dropped, "sallyport_dropped_packets_total", counter, "packets dropped, by receiving port and reason")            \
  X(worker_busy, "sallyport_worker_busy_seconds_total", counter, "time in loops that found packets")                 \
  X(worker_idle, "sallyport_worker_idle_seconds_total", counter, "time in loops that found none, and asleep")        \
  X(worker_loops, "sallyport_worker_loops_total", counter, "loops of a worker")                                      \
  X(worker_sleeps, "sallyport_worker_sleeps_total", counter, "times that a worker went to sleep")                    \
  X(port_up, "sallyport_port_link_up", gauge, "1 while the port's link is up")                                       \
  X(port_speed, "sallyport_port_speed_bits_per_second", gauge, "speed that the port's link reports")                 \
  X(device_rx, "sallyport_device_received_packets_total", counter, "packets that the device received")               \
  X(device_tx, "sallyport_device_sent_packets_total", counter, "packets that the device sent")                       \
  X(device_missed, "sallyport_device_missed_packets_total", counter, "packets that found the device's queue full")   \
  X(device_rx_errors, "sallyport_device_receive_errors_total", counter, "packets that the device received broken")   \
  X(device_no_buffer, "sallyport_device_no_buffer_total", counter, "times that the device found no packet buffer")   \
  X(device_tx_errors, "sallyport_device_send_errors_total", counter, "packets that the device failed to send")       \
  X(pending, "sallyport_commands_pending", gauge, "commands that the dataplane has not applied yet")                 \
  X(problems, "sallyport_problems", gauge, "parts of the configuration that could not be made real")                 \
  X(configured, "sallyport_peers_configured", gauge, "peers in the configuration, without those by proof")           \
  X(reload_good, "sallyport_last_reload_successful", gauge, "1 if the newest attempt to load the configuration was") \
  X(reload_time, "sallyport_last_reload_timestamp_seconds", gauge, "when that attempt was, Unix time")               \
  X(generation, "sallyport_policy_generation", gauge, "version of the policy, rises with each")                      \
  X(policy_in_force, "sallyport_policy_in_force", gauge, "1 if the dataplane has committed that version")            \
  X(rules, "sallyport_policy_rules", gauge, "rules of the policy; the first 10,000 have counters here")              \
  X(rule_allowed, "sallyport_rule_allowed_packets_total", counter, "inner packets that a rule allowed")              \
  X(rule_bytes, "sallyport_rule_allowed_bytes_total", counter, "bytes of those packets")                             \
  X(rule_denied, "sallyport_rule_denied_packets_total", counter,                                                     \
    "inner packets that a rule denied; (none): that no rule allowed")                                                \
  X(rule_limited, "sallyport_rule_limited_packets_total", counter, "inner packets dropped by a rule's rate")         \
  X(enrolled, "sallyport_enrolled_sessions", gauge, "tunnels by proof")                                              \
  X(revocations, "sallyport_revocations", gauge, "identities and keys that are revoked, by kind")                    \
  X(enrolment_keys, "sallyport_enrolment_keys", gauge, "enrolment keys, revoked and expired ones included")          \
  X(pool_leased, "sallyport_pool_leased", gauge, "hosts of a pool that are given out or kept for somebody")          \
  X(pool_sessions, "sallyport_pool_sessions", gauge, "tunnels by proof with an address of a pool")                   \
  X(pool_capacity, "sallyport_pool_capacity", gauge, "hosts that a pool has, of its smallest family")                \
  X(trust_ok, "sallyport_trust_source_ok", gauge, "1 if the newest attempt to read keys or a bundle was good")       \
  X(trust_keys, "sallyport_trust_keys", gauge, "keys that an issuer's tokens are verified with")                     \
  X(trust_read, "sallyport_trust_read_at_seconds", gauge, "when what is in use was read, Unix time")                 \
  X(trust_not_after, "sallyport_trust_certificate_not_after_seconds", gauge,                                         \
    "when a certificate of a bundle ends, Unix time")                                                                \
  X(cluster_contact, "sallyport_cluster_in_contact_at_seconds", gauge, "the API server's newest word, Unix time")    \
  X(cluster_stale, "sallyport_cluster_stale", gauge, "1 if that was longer ago than stale_after")                    \
  X(cluster_slices, "sallyport_cluster_slices", gauge, "EndpointSlices that are known of a cluster")                 \
  X(cluster_reconnections, "sallyport_cluster_reconnections_total", counter, "connections to it after the first")    \
  X(cluster_relists, "sallyport_cluster_relists_total", counter, "times that everything was listed anew")            \
  X(process_start, "process_start_time_seconds", gauge, "when the control plane started, Unix time")                 \
  X(process_cpu, "process_cpu_seconds_total", counter, "user and system CPU time of the control plane")              \
  X(process_memory, "process_resident_memory_bytes", gauge, "resident memory of the control plane")                  \
  X(process_fds, "process_open_fds", gauge, "file descriptors that the control plane has open")                      \
  X(process_most_fds, "process_max_fds", gauge, "file descriptors that it may have open")

enum class Metric : std::uint8_t {
#define SALLYPORT_ENUM(id, name, type, help) id,
  SALLYPORT_METRICS(SALLYPORT_ENUM)
#undef SALLYPORT_ENUM
};

struct MetricInfo {
  std::string_view name;
  std::string_view type;
  std::string_view help;
};
inline constexpr MetricInfo metric_infos[] = {
#define SALLYPORT_INFO(id, name, type, help) {name, #type, help},
    SALLYPORT_METRICS(SALLYPORT_INFO)
#undef SALLYPORT_INFO
};

}  // namespace sallyport::controlplane
