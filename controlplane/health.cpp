#include "controlplane/health.hpp"

#include <atomic>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "config/base/clock.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::uint64_t dataplane_silence_ns = 5 * second_ns;

std::uint64_t elapsed(std::uint64_t since_ns, std::uint64_t now_ns) {
  return now_ns > since_ns ? now_ns - since_ns : 0;
}

std::string name_of(const abi::PortStatusValue& port) {
  return {port.name.data(), strnlen(port.name.data(), port.name.size())};
}

std::optional<unsigned> index_of(const config::Port& port, const abi::StatisticsView& statistics) {
  for (unsigned index = 0; index < statistics.port_count(); ++index)
    if (const auto status = statistics.port(index); status && name_of(*status) == port.name) return index;
  return std::nullopt;
}

// Nothing: the dataplane has no such neighbour, or more of them than it shows.
std::optional<abi::NeighbourStatusValue> neighbour(const abi::StatisticsView& statistics, unsigned port,
                                                   const IpAddress& address) {
  for (unsigned index = 0; index < abi::max_neighbours_shown; ++index) {
    const auto found = statistics.neighbour(index);
    if (found && found->state != abi::NeighbourState::none && found->port_index == port && found->address == address)
      return found;
  }
  return std::nullopt;
}

bool is_unresolved(const abi::NeighbourStatusValue& gateway) {
  return gateway.state == abi::NeighbourState::failed || gateway.state == abi::NeighbourState::incomplete;
}

void add_ports(const config::Config& configuration, const abi::StatisticsView& statistics, std::uint64_t now_ns,
               std::vector<Problem>& list) {
  const bool is_young = elapsed(statistics.header().started_at_ns, now_ns) < gateway_patience_ns;
  for (const config::Port& port : configuration.ports) {
    const auto index = index_of(port, statistics);
    const auto status = index ? statistics.port(*index) : std::nullopt;
    if (!status) continue;
    if (status->link_up == 0) {
      list.push_back({"port " + port.name, "its link is down"});
      continue;  // nobody answers there
    }
    if (is_young) continue;
    for (const IpAddress& gateway : port.gateway)
      if (const auto seen = neighbour(statistics, *index, gateway); seen && is_unresolved(*seen))
        list.push_back({"port " + port.name,
                        "its gateway " + gateway.to_string() + " does not answer " +
                            (gateway.is_v4() ? "ARP" : "neighbour discovery") +
                            (seen->confirmed_at_ns == 0
                                 ? ", and never did"
                                 : ", the last time was " +
                                       std::to_string(elapsed(seen->confirmed_at_ns, now_ns) / second_ns) + " s ago")});
  }
}

void add_table(std::string_view what, std::uint64_t used, std::uint64_t capacity, std::string_view remedy,
               std::vector<Problem>& list) {
  // Without overflow, whatever the capacity.
  const std::uint64_t spare = capacity / 100 * (100 - nearly_full_percent) + capacity % 100 / 10;
  if (capacity == 0 || used < capacity - spare) return;
  list.push_back({std::string(what), std::to_string(used) + " of " + std::to_string(capacity) + " are in use" +
                                         (remedy.empty() ? "" : ": " + std::string(remedy))});
}

void add_tables(const abi::StatisticsView& statistics, std::vector<Problem>& list) {
  const abi::StatisticsHeader& header = statistics.header();
  add_table("table of peers", abi::relaxed(header.live_peers), statistics.max_peers(), "raise [dataplane] max_peers",
            list);
  add_table("table of sessions", abi::relaxed(header.live_sessions), statistics.max_sessions(),
            "raise [dataplane] max_sessions", list);
  add_table("table of flows", abi::relaxed(header.live_flows), header.max_flows, "raise [dataplane] max_flows", list);
  add_table("packet buffers", abi::relaxed(header.buffers_in_use), abi::relaxed(header.buffers_total), "", list);
}

}  // namespace

std::vector<Problem> dataplane_problems(const config::Config& configuration, const abi::StatisticsView& statistics,
                                        std::uint64_t connected_since_ns, std::uint64_t now_ns) {
  std::vector<Problem> list;
  const std::uint64_t silent_ns = elapsed(abi::relaxed(statistics.header().updated_at_ns), now_ns);
  if (silent_ns > dataplane_silence_ns && elapsed(connected_since_ns, now_ns) > dataplane_silence_ns)
    list.push_back(
        {"dataplane", "its housekeeping has been silent for " + std::to_string(silent_ns / second_ns) + " s"});
  add_ports(configuration, statistics, now_ns, list);
  add_tables(statistics, list);
  return list;
}

std::vector<Problem> pool_problems(const std::vector<PoolUse>& pools) {
  std::vector<Problem> list;
  for (const PoolUse& pool : pools)
    if (pool.capacity != std::numeric_limits<std::uint64_t>::max())
      add_table("pool " + pool.name, pool.leased, pool.capacity, "give it more prefixes", list);
  return list;
}

Problem refused_reload_problem(const std::vector<std::string>& errors) {
  std::string why = errors.empty() ? std::string("refused") : "refused, and the former one goes on: " + errors.front();
  if (errors.size() > 1) why += ", and " + std::to_string(errors.size() - 1) + " more";
  return {"configuration", std::move(why)};
}

}  // namespace sallyport::controlplane
