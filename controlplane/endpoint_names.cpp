#include "controlplane/endpoint_names.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::controlplane {

void EndpointNames::set_wanted(const std::vector<std::string>& names) {
  std::map<std::string, Entry> kept;
  for (const std::string& name : names) {
    const auto known = entries_.find(name);
    if (known != entries_.end())
      kept.emplace(name, known->second);
    else
      kept.emplace(name, Entry{.due_at_ns = 0});
  }
  entries_ = std::move(kept);
}

IpAddress EndpointNames::address_of(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? IpAddress{} : found->second.in_force;
}

void EndpointNames::ask_again(const std::string& name, std::uint64_t now_ns) {
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.asked || found->second.due_at_ns) return;
  Entry& entry = found->second;
  entry.wants_another = true;
  entry.due_at_ns = std::max(now_ns, entry.answered_at_ns + interval_min_ns);
}

std::vector<std::string> EndpointNames::take_due(std::uint64_t now_ns) {
  std::vector<std::string> due;
  for (auto& [name, entry] : entries_) {
    if (entry.asked || !entry.due_at_ns || *entry.due_at_ns > now_ns) continue;
    entry.asked = true;
    entry.due_at_ns.reset();
    due.push_back(name);
  }
  return due;
}

bool EndpointNames::answered(const std::string& name, const std::vector<IpAddress>& addresses, std::uint64_t now_ns) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  entry.asked = false;
  entry.answered_at_ns = now_ns;
  if (addresses.empty()) {
    ++failures_;
    const unsigned doublings = std::min(entry.failures_in_a_row++, 4U);
    entry.due_at_ns = now_ns + std::min(interval_min_ns << doublings, interval_max_ns);
    return false;
  }
  entry.failures_in_a_row = 0;
  const bool wants_another = std::exchange(entry.wants_another, false);
  const auto current = std::find(addresses.begin(), addresses.end(), entry.in_force);
  IpAddress chosen = addresses.front();
  if (current != addresses.end()) {
    chosen = *current;
    if (wants_another) chosen = std::next(current) == addresses.end() ? addresses.front() : *std::next(current);
  }
  return std::exchange(entry.in_force, chosen) != chosen;
}

void EndpointNames::postpone(const std::string& name, std::uint64_t now_ns) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  found->second.asked = false;
  found->second.due_at_ns = now_ns + interval_min_ns;
}

std::vector<Problem> EndpointNames::problems() const {
  std::vector<Problem> list;
  for (const auto& [name, entry] : entries_)
    if (entry.failures_in_a_row > 0) list.push_back({"endpoint " + name, "the name does not resolve"});
  return list;
}

}  // namespace sallyport::controlplane
