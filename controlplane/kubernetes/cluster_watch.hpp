// The EndpointSlices of one Kubernetes cluster, by list and watch (discovery.k8s.io/v1): what the live services of the
// policy that follow this cluster have for endpoints now. Reconnects with back-off, lists again after 410, keeps what
// it knew while it cannot, and says how old that is.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "controlplane/https/https_client.hpp"
#include "controlplane/runtime/report.hpp"
#include "policy/decide.hpp"

namespace sallyport::controlplane {

// Of one Kubernetes service, "NAMESPACE/NAME".
struct LiveEndpoints {
  std::vector<IpPrefix> ready;     // hosts, sorted
  std::vector<IpPrefix> draining;  // listed but not ready (terminating, say): flows go on, new ones do not begin
  friend bool operator==(const LiveEndpoints&, const LiveEndpoints&) = default;
};

struct ClusterStatus {
  std::string name;
  std::string state;                               // "watching", "listing", "waiting"
  std::optional<policy::TimePoint> in_contact_at;  // the newest word from the API server; nullopt: none since the start
  bool stale = false;                              // no contact for stale_after
  bool dropped = false;                            // and on_stale = "drop" took its endpoints away
  std::string resource_version;
  std::size_t slices = 0;
  std::uint64_t reconnections = 0, relists = 0, events = 0, malformed = 0;
  std::string problem;        // why it is not watching; empty: it is
  std::uint64_t refused = 0;  // slices of FQDNs, and addresses that no endpoint can have (loopback, multicast, ...)
};

class ClusterWatch {
 public:
  // For a service among the wanted ones, whenever its endpoints change; also when they are dropped or come back.
  using OnEndpoints = std::function<void(const std::string& service, const LiveEndpoints& endpoints)>;
  ClusterWatch(boost::asio::io_context& loop, config::Cluster cluster, OnEndpoints on_endpoints);
  ~ClusterWatch();
  ClusterWatch(const ClusterWatch&) = delete;
  ClusterWatch& operator=(const ClusterWatch&) = delete;

  // "NAMESPACE/NAME" of the services that the policy follows here. Connects with the first one; with none it rests.
  void set_wanted(std::set<std::string> services);
  // Once a second.
  void tick(policy::TimePoint now);
  [[nodiscard]] const config::Cluster& cluster() const;
  [[nodiscard]] ClusterStatus status() const;
  // Nothing: not known yet, or dropped.
  [[nodiscard]] std::optional<LiveEndpoints> endpoints(const std::string& service) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sallyport::controlplane
