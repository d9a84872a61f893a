#include "controlplane/flows/flow_records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/base/log.hpp"
#include "config/file_descriptor.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::chrono::seconds retry_interval{1};
constexpr std::size_t reports_per_turn = 256;
constexpr std::size_t buffer_bytes = 256 * 1024;

std::string because(std::string_view what) {
  return std::string(what) + ": " + std::strerror(errno);
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

std::chrono::nanoseconds wall_of(std::uint64_t boot_ns, std::chrono::nanoseconds offset) {
  constexpr std::uint64_t most = std::uint64_t{1} << 61;  // 73 years of uptime, so that no sum overflows
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(boot_ns, most))) + offset;
}

// Whoever prepared the file may read it, and what its name leads to may be another's.
std::optional<std::string> problem_of(int file, const std::filesystem::path& path,
                                      std::optional<uid_t> writer = std::nullopt) {
  struct stat status {};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return path.string() + " is no regular file";
  if (status.st_nlink > 1) return path.string() + " has other names (hard links)";
  if (writer && status.st_uid != writer)
    return path.string() + " belongs to uid " + std::to_string(status.st_uid) + ", and uid " + std::to_string(*writer) +
           " is to write it";
  if (!writer && status.st_uid != 0 && status.st_uid != geteuid())
    return path.string() + " belongs to another user (uid " + std::to_string(status.st_uid) + ')';
  return std::nullopt;
}

int open_for_appending(const std::filesystem::path& path) {
  constexpr mode_t mode = 0640;
  return open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
}

}  // namespace

std::string utc_milliseconds(std::chrono::nanoseconds since_epoch) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(since_epoch);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  const std::time_t time = seconds.count();
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return {};
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>((milliseconds - seconds).count()));
  return std::string(text.data(), length) + fraction.data();
}

std::string flow_record_line(const FlowReport& report) {
  const abi::FlowRecord& flow = report.flow;
  nlohmann::ordered_json line;
  line["start"] = utc_milliseconds(wall_of(flow.started_at_ns, report.clock_offset));
  line["end"] = utc_milliseconds(wall_of(flow.last_seen_at_ns, report.clock_offset));
  line["identity"] = text_or_null(report.identity);
  line["peer"] = text_or_null(report.peer);
  line["destination_identity"] = text_or_null(report.destination_identity);
  line["destination_peer"] = text_or_null(report.destination_peer);
  line["session"] = text_or_null(flow.session_index == 0 ? std::string() : hex(flow.session_index));
  line["source"] = flow.source.to_string();
  line["source_port"] = flow.source_port;
  line["destination"] = flow.destination.to_string();
  line["destination_port"] = flow.destination_port;
  line["protocol"] = protocol_name(flow.protocol);
  line["packets_out"] = flow.packets[0];
  line["bytes_out"] = flow.bytes[0];
  line["packets_back"] = flow.packets[1];
  line["bytes_back"] = flow.bytes[1];
  line["rule"] = text_or_null(report.rule);
  line["rule_location"] = text_or_null(report.rule_location);
  line["generation"] = flow.generation;
  line["verdict"] = report.denied ? "deny" : "allow";
  line["audit"] = text_or_null(report.audit_rule);
  line["reason"] = name_of(flow.end);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::optional<std::string> FlowRecords::foresee(const config::FlowRecords& settings, std::optional<uid_t> writer) {
  const config::FileDescriptor file(open(settings.file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return file.get() < 0 ? std::nullopt : problem_of(file.get(), settings.file, writer);
}

std::optional<std::string> FlowRecords::check(const config::FlowRecords& settings) {
  const int file = open_for_appending(settings.file);
  if (file < 0) return because(settings.file.string() + " cannot be written");
  auto problem = problem_of(file, settings.file);
  close(file);
  return problem;
}

FlowRecords::FlowRecords(config::FlowRecords settings) : settings_(std::move(settings)), thread_([this] { run(); }) {}

FlowRecords::~FlowRecords() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  close_file();
}

bool FlowRecords::record(FlowReport report) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= queue_max) {
      ++status_.lost;
      return false;
    }
    waiting_.push_back(std::move(report));
  }
  wake_.notify_one();
  return true;
}

FlowRecords::Status FlowRecords::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void FlowRecords::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    // 1. A batch becomes text.
    std::deque<FlowReport> batch;
    while (!waiting_.empty() && batch.size() < reports_per_turn) {
      batch.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (batch.empty()) return;  // stopping
    lock.unlock();
    // 2. Each batch is written before the next; lines are never split between two files.
    for (const FlowReport& report : batch) text_ += flow_record_line(report) + '\n';
    auto failure = write_out();
    lock.lock();
    while (failure) {
      status_.failure = *failure;
      if (stopping_) {
        status_.lost += batch.size() + waiting_.size();
        return;
      }
      wake_.wait_for(lock, retry_interval, [this] { return stopping_; });
      lock.unlock();
      failure = write_out();
      lock.lock();
    }
    status_.failure.clear();
    status_.written += batch.size();
  }
}

std::optional<std::string> FlowRecords::write_out() {
  const std::uint64_t limit = std::uint64_t{settings_.rotate_mb} << 20;
  while (offset_ < text_.size()) {
    // Rotate between lines alone.
    const bool at_line = offset_ == 0 || text_[offset_ - 1] == '\n';
    if (file_ < 0)
      if (auto failure = open_file()) return failure;
    const std::size_t line_end = text_.find('\n', offset_) + 1;
    if (at_line && file_bytes_ > 0 && file_bytes_ + (line_end - offset_) > limit) {
      if (auto failure = rotate()) return failure;
      continue;
    }
    // As many whole lines as fit.
    std::size_t end = line_end;
    while (end < text_.size() && end - offset_ < buffer_bytes) {
      const std::size_t next = text_.find('\n', end) + 1;
      if (file_bytes_ + (next - offset_) > limit) break;
      end = next;
    }
    const ssize_t written = write(file_, text_.data() + offset_, end - offset_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      auto failure = because(settings_.file.string() + " cannot be written");
      if (at_line) close_file();  // perhaps somebody moved it away
      return failure;
    }
    offset_ += static_cast<std::size_t>(written);
    file_bytes_ += static_cast<std::uint64_t>(written);
  }
  text_.clear();
  offset_ = 0;
  return std::nullopt;
}

std::optional<std::string> FlowRecords::open_file() {
  file_ = open_for_appending(settings_.file);
  if (file_ < 0) return because(settings_.file.string() + " cannot be opened");
  struct stat status {};
  if (auto problem = problem_of(file_, settings_.file)) {
    close_file();
    return problem;
  }
  if (fstat(file_, &status) != 0) return because(settings_.file.string() + " cannot be read");
  file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  // A process that was killed may have left half a line.
  char last = '\n';
  if (file_bytes_ > 0 && pread(file_, &last, 1, status.st_size - 1) == 1 && last != '\n' && write(file_, "\n", 1) == 1)
    ++file_bytes_;
  return std::nullopt;
}

std::optional<std::string> FlowRecords::rotate() {
  close_file();
  const auto numbered = [&](std::uint32_t number) {
    return number == 0 ? settings_.file.string() : settings_.file.string() + '.' + std::to_string(number);
  };
  if (settings_.keep == 0) {
    if (unlink(numbered(0).c_str()) != 0 && errno != ENOENT) return because(numbered(0) + " cannot be removed");
    return std::nullopt;
  }
  // From the first gap on nothing has to move.
  std::uint32_t last = 0;
  struct stat status {};
  while (last < settings_.keep && lstat(numbered(last).c_str(), &status) == 0) ++last;
  for (std::uint32_t number = last; number > 0; --number)
    if (rename(numbered(number - 1).c_str(), numbered(number).c_str()) != 0 && errno != ENOENT)
      return because(numbered(number - 1) + " cannot be renamed");
  return std::nullopt;
}

void FlowRecords::close_file() {
  if (file_ >= 0) close(file_);
  file_ = -1;
}

}  // namespace sallyport::controlplane
