#include "controlplane/kubernetes/service_reports.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sallyport::controlplane {

void ServiceReports::set_wanted(const std::set<std::string>& services) {
  std::erase_if(entries_, [&](const auto& entry) { return !services.contains(entry.first); });
  for (const std::string& service : services) entries_.try_emplace(service);
}

void ServiceReports::know(const std::string& service) {
  set_standing(service, Standing::known);
}

void ServiceReports::drop(const std::string& service) {
  set_standing(service, Standing::dropped);
}

bool ServiceReports::knows(const std::string& service) const {
  const auto found = entries_.find(service);
  return found != entries_.end() && found->second.standing == Standing::known;
}

void ServiceReports::tell(const std::set<std::string>& touched, const EndpointSlices& slices,
                          const ClusterWatch::OnEndpoints& on_endpoints) {
  std::vector<std::pair<std::string, LiveEndpoints>> news;
  for (auto& [service, entry] : entries_) {
    const bool changed = std::exchange(entry.changed, false);
    if (!changed && !touched.contains(service)) continue;
    if (entry.standing == Standing::known) {
      LiveEndpoints now = slices.endpoints(service);
      if (entry.told == now) continue;
      entry.told = now;
      news.emplace_back(service, std::move(now));
    } else if (changed && entry.standing == Standing::dropped) {
      entry.told.reset();
      news.emplace_back(service, LiveEndpoints{});
    }
  }
  for (const auto& [service, endpoints] : news) on_endpoints(service, endpoints);
}

void ServiceReports::set_standing(const std::string& service, Standing standing) {
  const auto found = entries_.find(service);
  if (found == entries_.end() || found->second.standing == standing) return;
  found->second.standing = standing;
  found->second.changed = true;
}

}  // namespace sallyport::controlplane
