#include "controlplane/access/live_services.hpp"

#include <algorithm>
#include <set>

#include "config/base/log.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {

void LiveServices::apply(const std::vector<config::Cluster>& clusters) {
  std::erase_if(clusters_, [&](const auto& entry) {
    return std::ranges::find(clusters, entry.second->cluster()) == clusters.end();
  });
  for (const config::Cluster& cluster : clusters) {
    auto& watch = clusters_[cluster.name];
    if (!watch)
      watch = std::make_unique<ClusterWatch>(
          loop_, cluster, [this, name = cluster.name](const std::string& service, const LiveEndpoints& endpoints) {
            on_endpoints(name, service, endpoints);
          });
  }
  std::map<std::string, std::set<std::string>> wanted;
  if (policy_.policy() != nullptr)
    for (const policy::Service& service : policy_.policy()->services)
      if (auto followed = followed_by(service)) wanted[followed->first].insert(std::move(followed->second));
  for (const auto& [name, watch] : clusters_) {
    watch->set_wanted(wanted[name]);
    // A service that the policy names since now may be one that is known.
    for (const std::string& service : wanted[name])
      if (const auto known = watch->endpoints(service)) on_endpoints(name, service, *known);
  }
}

void LiveServices::tick(policy::TimePoint now) {
  for (const auto& [name, watch] : clusters_) watch->tick(now);
}

// "CLUSTER/NAMESPACE/NAME"
std::optional<LiveServices::Followed> LiveServices::followed_by(const policy::Service& service) const {
  if (!service.endpoints) return std::nullopt;
  const auto slash = service.endpoints->find('/');
  if (slash == std::string::npos) return std::nullopt;
  std::string cluster = service.endpoints->substr(0, slash);
  if (!clusters_.contains(cluster)) return std::nullopt;
  return Followed{std::move(cluster), service.endpoints->substr(slash + 1)};
}

std::optional<std::string> LiveServices::cluster_of(const policy::Service& service) const {
  auto followed = followed_by(service);
  if (!followed) return std::nullopt;
  return std::move(followed->first);
}

void LiveServices::on_endpoints(const std::string& cluster, const std::string& followed,
                                const LiveEndpoints& endpoints) {
  if (policy_.policy() == nullptr) return;
  const std::string whole = cluster + '/' + followed;
  std::vector<std::string> services;
  for (const policy::Service& service : policy_.policy()->services)
    if (service.endpoints == whole) services.push_back(service.name);
  for (const std::string& service : services) {
    const auto set =
        policy_.set_endpoints(service, endpoints.ready, endpoints.draining, instant_now(), state_.pending());
    if (!set)
      log_error("endpoints refused", {{"service", service}, {"why", set.error().message}});
    else
      log_info("endpoints changed", {{"service", service},
                                     {"cluster", cluster},
                                     {"ready", endpoints.ready.size()},
                                     {"draining", endpoints.draining.size()}});
  }
  dataplane_.request_flush();
}

std::optional<EndpointSource> LiveServices::source_of(const std::string& name) const {
  const policy::Service* service = policy_.policy() == nullptr ? nullptr : policy_.policy()->find_service(name);
  if (service == nullptr || !service->endpoints) return std::nullopt;
  const bool known = policy_.endpoints().contains(name);
  EndpointSource source;
  if (const auto draining = policy_.draining().find(name); draining != policy_.draining().end())
    source.draining = draining->second;
  const auto cluster = cluster_of(*service);
  if (!cluster) return known ? std::optional(source) : std::nullopt;
  const ClusterStatus status = clusters_.at(*cluster)->status();
  const bool spoke = status.in_contact_at || status.dropped;
  if (!spoke && !known) return std::nullopt;
  source.kind = spoke ? EndpointSource::Kind::cluster : EndpointSource::Kind::stored;
  source.cluster = *cluster;
  return source;
}

std::vector<ClusterStatus> LiveServices::status() const {
  std::vector<ClusterStatus> list;
  for (const auto& [name, watch] : clusters_) list.push_back(watch->status());
  return list;
}

std::vector<Problem> LiveServices::problems() const {
  std::vector<Problem> list;
  for (const ClusterStatus& cluster : status())
    if (!cluster.problem.empty()) list.push_back({"cluster " + cluster.name, cluster.problem});
  return list;
}

}  // namespace sallyport::controlplane
