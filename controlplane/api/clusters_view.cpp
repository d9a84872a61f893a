// The Kubernetes clusters that live services follow.
#include <algorithm>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

Json cluster_json(const ClusterStatus& status, const config::Config& configuration) {
  const auto& clusters = configuration.clusters;
  const auto configured = std::find_if(clusters.begin(), clusters.end(),
                                       [&](const config::Cluster& cluster) { return cluster.name == status.name; });
  const bool known = configured != clusters.end();  // a reload may be on its way
  Json view = {
      {"name", status.name}, {"api_server", known ? Json(configured->api_server) : Json()}, {"state", status.state}};
  if (status.in_contact_at) view["in_contact_at"] = policy::time_words(*status.in_contact_at);
  view["stale"] = status.stale;
  view["dropped"] = status.dropped;
  view["on_stale"] = known ? Json(config::to_string(configured->on_stale)) : Json();
  view["resource_version"] = status.resource_version;
  view["slices"] = status.slices;
  view["reconnections"] = status.reconnections;
  view["relists"] = status.relists;
  view["events"] = status.events;
  view["malformed"] = status.malformed;
  if (!status.problem.empty()) view["problem"] = status.problem;
  return view;
}

HttpResponse get_clusters(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  Json list = Json::array();
  for (const ClusterStatus& status : call.backend.clusters())
    list.push_back(cluster_json(status, call.backend.configuration()));
  return document({{"clusters", std::move(list)}});
}

}  // namespace

std::span<const Endpoint> cluster_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"clusters"}, get_clusters, "Kubernetes clusters that live services follow"},
  };
  return list;
}

}  // namespace sallyport::controlplane
