// What differs between two configurations: what a reload has to send, and what it cannot change without a restart. Both
// must come from load.hpp. The contents of the files that a configuration names (keys, policies) are not compared here.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config.hpp"

namespace sallyport::config {

// By name; routes by their prefix. A renamed object is one removed and one added.
struct ObjectChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;

  [[nodiscard]] bool empty() const noexcept { return added.empty() && removed.empty() && changed.empty(); }
};

template <typename Object>
std::string name_of(const Object& object) {
  return object.name;
}
inline std::string name_of(const Route& route) {
  return route.to.to_string();
}

// In the order of the files.
template <typename Object>
[[nodiscard]] ObjectChanges compare(const std::vector<Object>& before, const std::vector<Object>& after) {
  ObjectChanges changes;
  std::unordered_map<std::string, const Object*> old_by_name;
  old_by_name.reserve(before.size());
  for (const Object& object : before) old_by_name.emplace(name_of(object), &object);
  for (const Object& object : after) {
    const auto old = old_by_name.find(name_of(object));
    if (old == old_by_name.end()) {
      changes.added.push_back(name_of(object));
      continue;
    }
    if (*old->second != object) changes.changed.push_back(name_of(object));
    old_by_name.erase(old);
  }
  for (const Object& object : before)
    if (old_by_name.contains(name_of(object))) changes.removed.push_back(name_of(object));
  return changes;
}

struct Difference {
  ObjectChanges ports, routes, wireguards, peers, pools, clusters, ipsec_peers;
  std::vector<std::string> sections;  // changed, added or removed among those that exist once: "[policy]"
  // What takes effect only after a restart of that process, for people: "[dataplane] max_peers: 65536 -> 131072".
  std::vector<std::string> restart_dataplane;
  std::vector<std::string> restart_controlplane;

  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] bool needs_restart() const noexcept {
    return !restart_dataplane.empty() || !restart_controlplane.empty();
  }
};

// Gives the values back to `next` that only a restart can change, so that all the rest of it can take effect now:
// ports, [dataplane], and of [controlplane] what is listed as restart_controlplane.
void keep_until_restart(const Config& running, Config& next);

[[nodiscard]] Difference diff(const Config& before, const Config& after);

// One line for each change, "" when there is none: "+ peer bob-phone", "- route 10.20.0.0/16", "~ wireguard wg0", and
// the restarts last.
[[nodiscard]] std::string to_string(const Difference& difference);

}  // namespace sallyport::config
