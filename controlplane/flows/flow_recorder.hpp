// [flow_records] as it is configured at the moment: none, or one FlowRecords, which a reload may replace. Its counters
// go on over that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "config/config.hpp"
#include "controlplane/flows/flow_records.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class FlowRecorder {
 public:
  void apply(const std::optional<config::FlowRecords>& settings);
  void record(FlowReport report);
  [[nodiscard]] std::vector<NamedCounter> counters() const;
  [[nodiscard]] std::vector<Problem> problems() const;

 private:
  std::unique_ptr<FlowRecords> records_;
  std::uint64_t written_before_ = 0, lost_before_ = 0;  // by those that were replaced
};

}  // namespace sallyport::controlplane
