// [flow_records]: one line of JSON for each flow that ended and each that was denied. A thread of its own makes the
// lines and writes them, so that a slow disk delays nothing; what its queue has no room for is counted as lost. A file
// that reaches its size becomes FILE.1, that one FILE.2, and so on up to `keep`. When the disk is full the thread tries
// again every second, and no line is ever torn.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "config/config.hpp"
#include "controlplane/flows/flow_reports.hpp"

namespace sallyport::controlplane {

// Without the newline.
[[nodiscard]] std::string flow_record_line(const FlowReport& report);
// "2026-11-23T09:00:00.123Z"
[[nodiscard]] std::string utc_milliseconds(std::chrono::nanoseconds since_epoch);

class FlowRecords {
 public:
  static constexpr std::size_t queue_max = 65536;

  // The file can be written, or why not. Creates it.
  [[nodiscard]] static std::optional<std::string> check(const config::FlowRecords& settings);
  // The same, as far as it is seen without making the file or being `writer`, who will write it.
  [[nodiscard]] static std::optional<std::string> foresee(const config::FlowRecords& settings,
                                                          std::optional<uid_t> writer);

  explicit FlowRecords(config::FlowRecords settings);
  // Writes what waits, once.
  ~FlowRecords();
  FlowRecords(const FlowRecords&) = delete;
  FlowRecords& operator=(const FlowRecords&) = delete;

  // False: there was no room, and it is lost.
  bool record(FlowReport report);

  struct Status {
    std::uint64_t written = 0;
    std::uint64_t lost = 0;
    std::string failure;  // why nothing can be written now; empty: it can
  };
  [[nodiscard]] Status status() const;
  [[nodiscard]] const config::FlowRecords& settings() const noexcept { return settings_; }

 private:
  void run();
  // All of `text_` from `offset_` on, rotating as needed; or why not.
  [[nodiscard]] std::optional<std::string> write_out();
  [[nodiscard]] std::optional<std::string> open_file();
  [[nodiscard]] std::optional<std::string> rotate();
  void close_file();

  const config::FlowRecords settings_;
  // Of the thread.
  int file_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::string text_;        // one line that is being written
  std::size_t offset_ = 0;  // of it

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<FlowReport> waiting_;
  Status status_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sallyport::controlplane
