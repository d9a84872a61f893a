#include "dataplane/io/memory.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

namespace sallyport::dataplane {
namespace {

constexpr std::uint64_t heap_margin_percent = 15;
constexpr std::uint64_t smallest_need_bytes = 64 * mib;
constexpr std::uint64_t reassembly_bytes = 1 * mib;   // of each worker's fragment table
constexpr std::uint64_t pool_bytes = 128 * 8448;      // the lcores' caches of a pool, of which DPDK makes RTE_MAX_LCORE
constexpr std::uint64_t ring_bytes = 8 * 1024 + 512;  // of 1,024 slots
constexpr std::uint64_t descriptor_bytes = 64;        // of a NIC's ring and the driver's shadow of it

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
  return (value + step - 1) / step * step;
}

std::string mebibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / static_cast<double>(mib));
  return text;
}

std::string table_line(std::string_view what, std::size_t width, const std::string& amount) {
  std::string line = "  " + std::string(what);
  line.append(width - what.size() + 2, ' ');
  line.append(amount.size() < 10 ? 10 - amount.size() : 0, ' ');
  return line + amount + " MiB\n";
}

}  // namespace

RouteLimits route_limits(const config::Dataplane& dataplane) noexcept {
  return {.max_hosts = dataplane.max_peers + 4096,
          .max_prefixes = std::max<std::uint32_t>(4096, dataplane.max_peers / 4)};
}

FlowLimits flow_limits(const config::Dataplane& dataplane) noexcept {
  return {.max_flows = dataplane.max_flows,
          .workers = static_cast<std::uint32_t>(dataplane.workers.size()),
          .max_identities = dataplane.max_peers + inside_flow_identities};
}

std::uint32_t session_slots(const config::Dataplane& dataplane) noexcept {
  return std::bit_ceil(dataplane.max_sessions);
}

MemoryNeed compute_memory(const config::Dataplane& dataplane, std::span<const config::Port> ports,
                          const MemoryDemand& demand) {
  const BufferPlan buffers = plan_buffers(dataplane, ports, demand.buffers);
  const auto count = [](std::string_view thing, std::uint64_t number) {
    return std::string(thing) + " (" + std::to_string(number) + ')';
  };
  const std::uint64_t sessions = session_slots(dataplane);
  const RouteLimits routes = route_limits(dataplane);
  const std::uint64_t workers = dataplane.workers.size();
  MemoryNeed need;
  need.lines = {
      {count("packet buffers", buffers.packets), buffers.packets * buffers.packet_bytes()},
      {count("large packet buffers", buffers.large), buffers.large * buffers.large_bytes()},
      {"buffer caches", (buffers.large != 0 ? 2 : 1) * pool_bytes},
      {"device queues", buffers.descriptors * descriptor_bytes},
      {count("sessions, receiving", sessions), sessions * demand.costs.open_session},
      {count("sessions, sending", sessions), sessions * demand.costs.seal_session},
      {count("peers", dataplane.max_peers), dataplane.max_peers * demand.costs.peer},
      {count("routes, hosts and prefixes", std::uint64_t{routes.max_hosts} + routes.max_prefixes),
       route_table_bytes(routes)},
      {count("flows", dataplane.max_flows), flow_limits(dataplane).bytes()},
      {count("rates", rate_slot_count), rate_slot_count * rate_slot_bytes},
      {count("capture buffers", workers * demand.capture_packets_per_worker),
       workers * demand.capture_packets_per_worker * buffers.packet_bytes()},
      {"reassembly", workers * reassembly_bytes},
      {"rings between threads", (workers * (workers - 1) + 5 * workers) * ring_bytes},
  };
  need.lines.insert(need.lines.end(), demand.extras.begin(), demand.extras.end());
  std::erase_if(need.lines, [](const MemoryLine& line) { return line.bytes == 0; });

  for (const MemoryLine& line : need.lines) need.total_bytes += line.bytes;
  const std::uint64_t with_margin = need.total_bytes * (100 + heap_margin_percent) / 100;
  const std::uint64_t rounded = round_up(std::max(with_margin, smallest_need_bytes), 2 * mib);
  need.lines.push_back({"heap margin and rounding", rounded - need.total_bytes});
  need.total_bytes = rounded;
  need.total_mb = rounded / mib;
  return need;
}

std::string MemoryNeed::to_table() const {
  constexpr std::string_view total = "total";
  std::size_t width = total.size();
  for (const MemoryLine& line : lines) width = std::max(width, line.what.size());
  std::string table;
  for (const MemoryLine& line : lines) table += table_line(line.what, width, mebibytes(line.bytes));
  return table + table_line(total, width, mebibytes(total_bytes));
}

tl::expected<std::uint64_t, std::string> memory_to_reserve_mb(const config::Dataplane& dataplane,
                                                              const MemoryNeed& need) {
  if (!dataplane.memory_mb) return need.total_mb;
  if (*dataplane.memory_mb < need.total_mb)
    return tl::unexpected("[dataplane] memory_mb = " + std::to_string(*dataplane.memory_mb) + " is less than the " +
                          std::to_string(need.total_mb) + " MiB that the limits and ports need:\n" + need.to_table() +
                          "Lower max_sessions, max_peers, max_flows or rx_queues, or set memory_mb = \"auto\".");
  return *dataplane.memory_mb;
}

}  // namespace sallyport::dataplane
