#include "controlplane/api/metrics_text.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <set>

#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/enrolment_metrics.hpp"
#include "controlplane/api/exposition.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t most_rules_counted = 10'000;
constexpr std::string_view no_rule_name = "(none)";  // no rule can be called that

double wall_seconds(std::uint64_t boottime_ns, const RequestTime& time) {
  return static_cast<double>(time.to_wall_ns(boottime_ns)) / static_cast<double>(second_ns);
}

void add_header(Exposition& out, const abi::StatisticsHeader& header, const RequestTime& time) {
  out.one_seconds(Metric::started, wall_seconds(header.started_at_ns, time));
  out.one(Metric::updated, time.seconds_since(abi::relaxed(header.updated_at_ns)));
  out.one(Metric::peers, abi::relaxed(header.live_peers));
  out.one(Metric::sessions, abi::relaxed(header.live_sessions));
  out.one(Metric::routes, abi::relaxed(header.live_routes));
  out.one(Metric::neighbours, abi::relaxed(header.live_neighbours));
  out.one(Metric::flows, abi::relaxed(header.live_flows));
  out.one(Metric::most_flows, header.max_flows);
  out.one(Metric::buffers, abi::relaxed(header.buffers_total));
  out.one(Metric::buffers_used, abi::relaxed(header.buffers_in_use));
  out.one(Metric::held, abi::relaxed(header.packets_held));
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
    return hz == 0 ? 0.0 : static_cast<double>(abi::relaxed(cycles)) / static_cast<double>(hz);
  };
  using Labels = std::initializer_list<Label>;
  each(Metric::worker_busy, [&](const abi::WorkerStatus& worker, Labels labels) {
    out.sample_seconds(labels, seconds(worker.busy_cycles, worker.tsc_hz));
  });
  each(Metric::worker_idle, [&](const abi::WorkerStatus& worker, Labels labels) {
    out.sample_seconds(labels, seconds(worker.idle_cycles, worker.tsc_hz));
  });
  each(Metric::worker_loops,
       [&](const abi::WorkerStatus& worker, Labels labels) { out.sample(labels, abi::relaxed(worker.loops)); });
  each(Metric::worker_sleeps,
       [&](const abi::WorkerStatus& worker, Labels labels) { out.sample(labels, abi::relaxed(worker.sleeps)); });
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
  const std::size_t configured = configured_peer_count(backend);
  out.one(Metric::configured, configured);
  out.one(Metric::enrolled, backend.peers().size() - configured);
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
  add_enrolment(out, backend);
  add_process(out, backend, time);
  return out.take();
}

}  // namespace sallyport::controlplane
