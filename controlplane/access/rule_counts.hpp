// What each rule allowed, denied and limited. The dataplane counts by number and never begins anew; a number that
// another rule had before counts from what stood there when it got its new rule.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "dataplane/abi/statistics_view.hpp"
#include "policy/compile.hpp"

namespace sallyport::controlplane {

class RuleCounts {
 public:
  using Totals = abi::StatisticsView::RuleTotals;

  // Another version is about to be in force. `statistics` is null while there is no link.
  void renumber(const policy::Numbers& before, const policy::Numbers& after, const abi::StatisticsView* statistics);
  void on_connected(const abi::StatisticsView& statistics, bool same_boot);
  [[nodiscard]] Totals counts(std::uint32_t number, const abi::StatisticsView& statistics) const;

 private:
  std::map<std::uint32_t, Totals> bases_;  // by rule number
  std::set<std::uint32_t> bases_wanted_;   // numbers that got another rule while there was no link
};

}  // namespace sallyport::controlplane
