#include "controlplane/access/rule_counts.hpp"

namespace sallyport::controlplane {

void RuleCounts::renumber(const policy::Numbers& before, const policy::Numbers& after,
                          const abi::StatisticsView* statistics) {
  for (const auto& [name, number] : after.all()) {
    if (before.of(name) == number || number >= abi::max_rules) continue;
    if (statistics != nullptr)
      bases_[number] = statistics->rule(number);
    else
      bases_wanted_.insert(number);
  }
}

void RuleCounts::on_connected(const abi::StatisticsView& statistics, bool same_boot) {
  if (!same_boot) bases_.clear();
  if (same_boot)
    for (const std::uint32_t number : bases_wanted_) bases_[number] = statistics.rule(number);
  bases_wanted_.clear();
}

RuleCounts::Totals RuleCounts::counts(std::uint32_t number, const abi::StatisticsView& statistics) const {
  if (number >= abi::max_rules) return {};
  Totals totals = statistics.rule(number);
  const auto base = bases_.find(number);
  if (base == bases_.end()) return totals;
  const auto subtract = [](std::uint64_t& value, std::uint64_t by) { value = value > by ? value - by : 0; };
  subtract(totals.allowed_packets, base->second.allowed_packets);
  subtract(totals.allowed_bytes, base->second.allowed_bytes);
  subtract(totals.denied_packets, base->second.denied_packets);
  subtract(totals.limited_packets, base->second.limited_packets);
  return totals;
}

}  // namespace sallyport::controlplane
