#include "controlplane/api/metrics_text.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <set>

#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t most_rules_counted = 10'000;
constexpr std::string_view no_rule_name = "(none)";  // no rule can be called that

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
  X(worker_idle, "sallyport_worker_idle_seconds_total", counter, "time in loops that found none")                    \
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
  X(configured, "sallyport_peers_configured", gauge, "peers in the configuration")                                   \
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
constexpr MetricInfo metric_infos[] = {
#define SALLYPORT_INFO(id, name, type, help) {name, #type, help},
    SALLYPORT_METRICS(SALLYPORT_INFO)
#undef SALLYPORT_INFO
};

struct Label {
  std::string_view name;
  std::string_view value;
};

class Exposition {
 public:
  // Starts a metric; its samples follow.
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + ' ' + escaped_help(help) + "\n# TYPE " + name_ + ' ' + std::string(type) + '\n';
  }
  void begin(Metric metric) {
    const MetricInfo& info = metric_infos[static_cast<unsigned>(metric)];
    begin(info.name, info.type, info.help);
  }
  void sample(std::initializer_list<Label> labels, const std::string& value) {
    text_ += name_;
    char open = '{';
    for (const Label& label : labels) {
      text_ += open + std::string(label.name) + "=\"" + escaped_label(label.value) + '"';
      open = ',';
    }
    text_ += (labels.size() == 0 ? " " : "} ") + value + '\n';
  }
  void sample(std::initializer_list<Label> labels, std::uint64_t value) { sample(labels, std::to_string(value)); }
  void sample_seconds(std::initializer_list<Label> labels, double seconds) {
    char number[40];
    std::snprintf(number, sizeof number, "%.6f", seconds);
    sample(labels, std::string(number));
  }
  void one(Metric metric, std::uint64_t value) {
    begin(metric);
    sample({}, value);
  }
  void one_seconds(Metric metric, double seconds) {
    begin(metric);
    sample_seconds({}, seconds);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

double wall_seconds(std::uint64_t boottime_ns, const RequestTime& time) {
  return static_cast<double>(time.to_wall_ns(boottime_ns)) / static_cast<double>(second_ns);
}

std::uint64_t relaxed(const std::atomic<std::uint64_t>& value) {
  return value.load(std::memory_order_relaxed);
}

void add_header(Exposition& out, const abi::StatisticsHeader& header, const RequestTime& time) {
  out.one_seconds(Metric::started, wall_seconds(header.started_at_ns, time));
  out.one(Metric::updated, time.seconds_since(relaxed(header.updated_at_ns)));
  out.one(Metric::peers, relaxed(header.live_peers));
  out.one(Metric::sessions, relaxed(header.live_sessions));
  out.one(Metric::routes, relaxed(header.live_routes));
  out.one(Metric::neighbours, relaxed(header.live_neighbours));
  out.one(Metric::flows, relaxed(header.live_flows));
  out.one(Metric::most_flows, header.max_flows);
  out.one(Metric::buffers, relaxed(header.buffers_total));
  out.one(Metric::buffers_used, relaxed(header.buffers_in_use));
  out.one(Metric::held, relaxed(header.packets_held));
  out.one(Metric::under_load, header.under_load.load(std::memory_order_relaxed) != 0 ? 1 : 0);
}

void add_workers(Exposition& out, const abi::StatisticsView& statistics) {
  const auto each = [&](Metric metric, auto value) {
    out.begin(metric);
    for (std::uint32_t writer = 1; writer <= statistics.worker_count(); ++writer) {
      const abi::WorkerStatus& worker = statistics.worker(writer);
      const std::string number = std::to_string(writer - 1);
      const std::string core = worker.core == 0xffffffff ? "" : std::to_string(worker.core);
      value(worker, std::initializer_list<Label>{{"worker", number}, {"core", core}});
    }
  };
  const auto seconds = [](const std::atomic<std::uint64_t>& cycles, std::uint64_t hz) {
    return hz == 0 ? 0.0 : static_cast<double>(relaxed(cycles)) / static_cast<double>(hz);
  };
  using Labels = std::initializer_list<Label>;
  each(Metric::worker_busy, [&](const abi::WorkerStatus& worker, Labels labels) {
    out.sample_seconds(labels, seconds(worker.busy_cycles, worker.tsc_hz));
  });
  each(Metric::worker_idle, [&](const abi::WorkerStatus& worker, Labels labels) {
    out.sample_seconds(labels, seconds(worker.idle_cycles, worker.tsc_hz));
  });
  each(Metric::worker_loops,
       [&](const abi::WorkerStatus& worker, Labels labels) { out.sample(labels, relaxed(worker.loops)); });
  each(Metric::worker_sleeps,
       [&](const abi::WorkerStatus& worker, Labels labels) { out.sample(labels, relaxed(worker.sleeps)); });
}

struct NamedPort {
  unsigned index;
  std::string name;
};

// Counters of all ports and of none. A series twice would spoil the whole scrape: a port whose name is taken keeps out.
std::vector<NamedPort> counted_ports(const abi::StatisticsView& statistics) {
  std::vector<NamedPort> ports;
  std::set<std::string> names;
  for (unsigned index = 0; index < statistics.port_count(); ++index)
    if (std::string name = port_name(index, statistics); names.insert(name).second)
      ports.push_back({index, std::move(name)});
  ports.push_back({abi::max_ports, std::string(no_port_name)});
  return ports;
}

void add_counters(Exposition& out, const abi::StatisticsView& statistics, const std::vector<NamedPort>& ports) {
  for (unsigned index = 0; index < abi::counter_count; ++index) {
    const abi::CounterInfo& info = abi::counter_infos[index];
    if (info.kind == abi::CounterKind::drop) continue;
    const std::string_view unit = info.kind == abi::CounterKind::flow ? "_packets_total" : "_total";
    out.begin("sallyport_" + std::string(info.name) + std::string(unit), "counter", info.text);
    for (const NamedPort& port : ports) out.sample({{"port", port.name}}, statistics.counter(port.index, index));
  }
  out.begin(Metric::dropped);
  for (unsigned index = 0; index < abi::counter_count; ++index) {
    const abi::CounterInfo& info = abi::counter_infos[index];
    if (info.kind != abi::CounterKind::drop) continue;
    for (const NamedPort& port : ports)
      out.sample({{"port", port.name}, {"reason", info.name}}, statistics.counter(port.index, index));
  }
}

void add_ports(Exposition& out, const abi::StatisticsView& statistics, const std::vector<NamedPort>& ports) {
  const auto each = [&](Metric metric, auto value) {
    out.begin(metric);
    for (const NamedPort& port : ports) {
      if (port.index >= abi::max_ports) continue;
      if (const auto status = statistics.port(port.index)) out.sample({{"port", port.name}}, value(*status));
    }
  };
  using Status = abi::PortStatusValue;
  each(Metric::port_up, [](const Status& port) { return std::uint64_t{port.link_up != 0 ? 1U : 0U}; });
  each(Metric::port_speed, [](const Status& port) {
    return port.speed_mbps == 0xffffffff ? std::uint64_t{0} : std::uint64_t{port.speed_mbps} * 1'000'000;
  });
  each(Metric::device_rx, [](const Status& port) { return port.device_rx_packets; });
  each(Metric::device_tx, [](const Status& port) { return port.device_tx_packets; });
  each(Metric::device_missed, [](const Status& port) { return port.device_rx_missed; });
  each(Metric::device_rx_errors, [](const Status& port) { return port.device_rx_errors; });
  each(Metric::device_no_buffer, [](const Status& port) { return port.device_rx_no_buffer; });
  each(Metric::device_tx_errors, [](const Status& port) { return port.device_tx_errors; });
}

void add_control_plane(Exposition& out, const AdminBackend& backend, const RequestTime& time) {
  std::set<std::string> names;
  for (const NamedCounter& counter : backend.counters()) {
    const std::string name = "sallyport_controlplane_" + metric_name(counter.name) + "_total";
    if (!names.insert(name).second) continue;
    out.begin(name, "counter", counter.text);
    out.sample({}, counter.value);
  }
  out.one(Metric::pending, backend.commands_pending());
  out.one(Metric::problems, backend.problems().size());
  out.one(Metric::configured, backend.configuration().peers.size());
  if (const auto reload = backend.last_reload()) {
    out.one(Metric::reload_good, reload->succeeded ? 1 : 0);
    out.one_seconds(Metric::reload_time, wall_seconds(reload->at_ns, time));
  }
}

struct CountedRule {
  std::string name;
  PolicyBackend::RuleCounts counts;
};

// Those that decide first, and what no rule allowed.
std::vector<CountedRule> counted_rules(const policy::Policy& policy, const PolicyBackend& backend) {
  std::vector<CountedRule> rules;
  for (std::size_t i = 0; i < policy.rules.size() && i < most_rules_counted; ++i)
    rules.push_back({policy.rules[i].name, backend.rule_counts(policy.rules[i].name)});
  rules.push_back({std::string(no_rule_name), backend.rule_counts({})});
  return rules;
}

void add_policy(Exposition& out, const PolicyBackend& backend) {
  const PolicyVersion version = backend.policy_version();
  out.one(Metric::generation, version.generation);
  out.one(Metric::policy_in_force, version.in_force ? 1 : 0);
  const policy::Policy* policy = backend.policy();
  out.one(Metric::rules, policy == nullptr ? 0 : policy->rules.size());
  if (policy == nullptr) return;
  const auto rules = counted_rules(*policy, backend);
  const auto each = [&](Metric metric, std::uint64_t PolicyBackend::RuleCounts::*value) {
    out.begin(metric);
    for (const CountedRule& rule : rules) out.sample({{"rule", rule.name}}, rule.counts.*value);
  };
  each(Metric::rule_allowed, &PolicyBackend::RuleCounts::allowed_packets);
  each(Metric::rule_bytes, &PolicyBackend::RuleCounts::allowed_bytes);
  each(Metric::rule_denied, &PolicyBackend::RuleCounts::denied_packets);
  each(Metric::rule_limited, &PolicyBackend::RuleCounts::limited_packets);
}

void add_process(Exposition& out, const AdminBackend& backend, const RequestTime& time) {
  out.one_seconds(Metric::process_start, wall_seconds(backend.started_at_ns(), time));
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& value) {
      return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_usec) * 1e-6;
    };
    out.one_seconds(Metric::process_cpu, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  }
  std::uint64_t total_pages = 0, resident_pages = 0;
  if (std::ifstream statm("/proc/self/statm"); statm >> total_pages >> resident_pages)
    out.one(Metric::process_memory, resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  std::uint64_t open = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator fd("/proc/self/fd", error), end; !error && fd != end; fd.increment(error))
    ++open;
  if (open > 0) out.one(Metric::process_fds, open - 1);  // one was the folder's own
  rlimit most{};
  if (::getrlimit(RLIMIT_NOFILE, &most) == 0) out.one(Metric::process_most_fds, most.rlim_cur);
}

}  // namespace

std::string metrics_text(const AdminBackend& backend, const RequestTime& time) {
  Exposition out;
  const abi::StatisticsView* statistics = backend.statistics();
  out.begin(Metric::build);
  const std::string engine = statistics == nullptr ? "" : text_of(statistics->header().crypto_engine);
  out.sample({{"version", version()}, {"gateway", backend.configuration().gateway.name}, {"crypto_engine", engine}}, 1);
  out.one(Metric::connected, statistics == nullptr ? 0 : 1);
  if (statistics != nullptr) {
    const auto ports = counted_ports(*statistics);
    add_header(out, statistics->header(), time);
    add_workers(out, *statistics);
    add_counters(out, *statistics, ports);
    add_ports(out, *statistics, ports);
  }
  add_control_plane(out, backend, time);
  add_policy(out, backend);
  add_process(out, backend, time);
  return out.take();
}

std::string escaped_label(std::string_view value) {
  std::string escaped;
  for (const char c : escaped_help(value)) {
    if (c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string escaped_help(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      escaped += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  return escaped;
}

std::string metric_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += kept ? c : '_';
  }
  return name;
}

}  // namespace sallyport::controlplane
