// Services of the policy whose endpoints come from Kubernetes: one ClusterWatch for each configured cluster, told which
// of its services the policy in force follows, and what it hears given to PolicyService.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "controlplane/access/policy_answers.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/kubernetes/cluster_watch.hpp"
#include "controlplane/link/dataplane_access.hpp"
#include "controlplane/runtime/report.hpp"
#include "controlplane/state/state_keeper.hpp"

namespace sallyport::controlplane {

class LiveServices {
 public:
  LiveServices(boost::asio::io_context& loop, PolicyService& policy, StateKeeper& state, DataplaneAccess& dataplane)
      : loop_(loop), policy_(policy), state_(state), dataplane_(dataplane) {}

  // After each change of the clusters or of the policy.
  void apply(const std::vector<config::Cluster>& clusters);
  void tick(policy::TimePoint now);

  // Which configured cluster says where this service is; nothing: none does.
  [[nodiscard]] std::optional<std::string> cluster_of(const policy::Service& service) const;
  // Nothing: `service` is not live, or nobody has said yet where it is.
  [[nodiscard]] std::optional<EndpointSource> source_of(const std::string& service) const;
  [[nodiscard]] std::vector<ClusterStatus> status() const;
  [[nodiscard]] std::vector<Problem> problems() const;

 private:
  // The cluster's name and "NAMESPACE/NAME".
  using Followed = std::pair<std::string, std::string>;
  [[nodiscard]] std::optional<Followed> followed_by(const policy::Service& service) const;
  void on_endpoints(const std::string& cluster, const std::string& followed, const LiveEndpoints& endpoints);

  boost::asio::io_context& loop_;
  PolicyService& policy_;
  StateKeeper& state_;
  DataplaneAccess& dataplane_;
  std::map<std::string, std::unique_ptr<ClusterWatch>> clusters_;  // by name: those that are configured
};

}  // namespace sallyport::controlplane
