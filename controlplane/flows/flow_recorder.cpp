#include "controlplane/flows/flow_recorder.hpp"

#include <utility>

namespace sallyport::controlplane {

void FlowRecorder::apply(const std::optional<config::FlowRecords>& settings) {
  if (records_ && settings && records_->settings() == *settings) return;
  if (records_) {
    const FlowRecords::Status before = records_->status();
    written_before_ += before.written;
    lost_before_ += before.lost;
    records_.reset();
  }
  if (settings) records_ = std::make_unique<FlowRecords>(*settings);
}

void FlowRecorder::record(FlowReport report) {
  if (records_) (void)records_->record(std::move(report));  // what is lost is counted there
}

std::vector<NamedCounter> FlowRecorder::counters() const {
  const FlowRecords::Status now = records_ ? records_->status() : FlowRecords::Status{};
  return {{"flow_records_written", "flow records written", written_before_ + now.written},
          {"flow_records_lost", "flow records that found no room while the disk was slow or full",
           lost_before_ + now.lost}};
}

std::vector<Problem> FlowRecorder::problems() const {
  if (!records_) return {};
  std::string failure = records_->status().failure;
  if (failure.empty()) return {};
  return {{"flow records", std::move(failure)}};
}

}  // namespace sallyport::controlplane
