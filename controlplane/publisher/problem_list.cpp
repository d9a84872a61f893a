#include "controlplane/publisher/problem_list.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::controlplane {

bool ProblemList::refused(const Subject& subject, std::string what, std::string why, std::uint64_t now_ns) {
  const auto found = entries_.find(subject);
  if (found == entries_.end()) {
    if (entries_.size() >= entries_max) return false;
    entries_[subject] = {std::move(what), std::move(why), now_ns + retry_interval_ns, 0, 0};
    return true;
  }
  Entry& entry = found->second;
  const bool news = entry.why != why;
  entry.why = std::move(why);
  entry.retry_sequence = 0;
  entry.retry_at_ns = now_ns + retry_interval_ns;
  return news;
}

std::vector<Subject> ProblemList::take_due(std::uint64_t now_ns) {
  std::vector<Subject> due;
  for (auto& [subject, entry] : entries_) {
    if (entry.retry_sequence != 0 || now_ns < entry.retry_at_ns) continue;
    entry.retry_at_ns = now_ns + retry_interval_ns;
    due.push_back(subject);
  }
  return due;
}

void ProblemList::retried(const Subject& subject, std::uint64_t sequence, std::uint64_t now_ns) {
  const auto found = entries_.find(subject);
  if (found == entries_.end()) return;
  found->second.retry_sequence = sequence;
  found->second.retried_at_ns = now_ns;
}

std::vector<std::string> ProblemList::settle(std::uint64_t applied_sequence, std::uint64_t now_ns) {
  std::vector<std::string> settled;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const Entry& value = entry->second;
    if (value.retry_sequence != 0 && value.retry_sequence <= applied_sequence &&
        now_ns - value.retried_at_ns >= settle_time_ns) {
      settled.push_back(value.what);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
  return settled;
}

std::size_t ProblemList::count(SubjectKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first.kind == kind; }));
}

std::vector<Problem> ProblemList::problems() const {
  std::vector<Problem> list;
  list.reserve(entries_.size());
  for (const auto& [subject, entry] : entries_) list.push_back({entry.what, entry.why});
  return list;
}

}  // namespace sallyport::controlplane
