// What the dataplane refused, until it takes it: shown by `sallyctl status` and tried again every five seconds. A
// problem is over when a retry was applied and no refusal followed within two seconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/publisher/subject.hpp"
#include "controlplane/runtime/report.hpp"

namespace sallyport::controlplane {

class ProblemList {
 public:
  static constexpr std::uint64_t retry_interval_ns = 5'000'000'000;
  static constexpr std::uint64_t settle_time_ns = 2'000'000'000;
  static constexpr std::size_t entries_max = 65536;

  // True if this is news (for the log): a new problem, or another reason.
  bool refused(const Subject& subject, std::string what, std::string why, std::uint64_t now_ns);
  // The subject is no longer wanted, or a new link makes everything new.
  void forget(const Subject& subject) { entries_.erase(subject); }
  void clear() { entries_.clear(); }

  // Subjects whose retry is due now; each is asked for once per interval.
  [[nodiscard]] std::vector<Subject> take_due(std::uint64_t now_ns);
  // A command about the subject was sent.
  void retried(const Subject& subject, std::uint64_t sequence, std::uint64_t now_ns);
  // Removes what was applied and not refused again; returns their names.
  std::vector<std::string> settle(std::uint64_t applied_sequence, std::uint64_t now_ns);

  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] bool contains(const Subject& subject) const { return entries_.contains(subject); }
  [[nodiscard]] std::size_t count(SubjectKind kind) const;
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

 private:
  struct Entry {
    std::string what;
    std::string why;
    std::uint64_t retry_at_ns = 0;
    std::uint64_t retry_sequence = 0;  // 0: none on its way
    std::uint64_t retried_at_ns = 0;
  };
  std::map<Subject, Entry> entries_;
};

}  // namespace sallyport::controlplane
