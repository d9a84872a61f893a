#include "controlplane/peers/endpoint_names.hpp"

#include <algorithm>
#include <iterator>
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

bool EndpointNames::ask_again(const std::string& name, std::uint64_t now_ns) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  if (!entry.asked && !entry.due_at_ns) entry.due_at_ns = std::max(now_ns, entry.answered_at_ns + interval_min_ns);
  if (entry.addresses.size() < 2 || now_ns < entry.turn_since_ns + turn_ns) return false;
  const auto current = std::find(entry.addresses.begin(), entry.addresses.end(), entry.in_force);
  const bool is_last = current == entry.addresses.end() || std::next(current) == entry.addresses.end();
  entry.in_force = is_last ? entry.addresses.front() : *std::next(current);
  entry.turn_since_ns = now_ns;
  return true;
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
  std::vector<IpAddress> usable;
  std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(usable),
               [this](const IpAddress& address) { return address.is_v4() ? has_v4_ : has_v6_; });
  entry.only_other_families = usable.empty() && !addresses.empty();
  if (usable.empty()) {
    ++failures_;
    const unsigned doublings = std::min(entry.failures_in_a_row++, 4U);
    entry.due_at_ns = now_ns + std::min(interval_min_ns << doublings, interval_max_ns);
    return false;
  }
  entry.failures_in_a_row = 0;
  entry.addresses = std::move(usable);
  const bool still_there =
      std::find(entry.addresses.begin(), entry.addresses.end(), entry.in_force) != entry.addresses.end();
  if (still_there) return false;
  entry.in_force = entry.addresses.front();
  entry.turn_since_ns = now_ns;
  return true;
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
    if (entry.failures_in_a_row > 0)
      list.push_back({"endpoint " + name, entry.only_other_families
                                              ? "the name has addresses only of a family that no underlay port has"
                                              : "the name does not resolve"});
  return list;
}

}  // namespace sallyport::controlplane
