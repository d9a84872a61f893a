// One cluster, followed: which lists and watches there are (one for all namespaces, or, if the token may not have that,
// one for each namespace that matters), how old what is known is, and who is told. ClusterWatch without an event loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/kubernetes/cluster_environment.hpp"
#include "controlplane/kubernetes/cluster_watch.hpp"
#include "controlplane/kubernetes/list_watch.hpp"
#include "controlplane/kubernetes/service_reports.hpp"

namespace sallyport::controlplane {

class ClusterFollower {
 public:
  using Time = ClusterEnvironment::Time;
  static constexpr std::size_t namespaces_max = 256;  // each has a connection

  ClusterFollower(config::Cluster cluster, ClusterWatch::OnEndpoints on_endpoints, ClusterEnvironment& environment,
                  std::uint32_t seed);

  // These four are ClusterWatch's.
  void set_wanted(const std::set<std::string>& services);
  void tick(policy::TimePoint now);
  [[nodiscard]] ClusterStatus status() const;
  [[nodiscard]] std::optional<LiveEndpoints> endpoints(const std::string& service) const;

  // The time of wake_at() has come. Neither this nor tick() may be called from within a callback of a request.
  void wake();
  [[nodiscard]] const config::Cluster& cluster() const { return cluster_; }

 private:
  struct Scope {
    ListWatch list_watch;
    Time fresh_at;  // the newest contact, or when it began
    bool stale = false, dropped = false;
    std::uint64_t lists_seen = 0;
    std::unique_ptr<HttpsCall> call;
    std::uint64_t call_number = 0;  // callbacks of other calls come too late
  };
  using Scopes = std::map<std::string, Scope>;  // by namespace; the empty one is all of them, and alone

  void settle();
  void note_contact();
  void choose_scopes();
  void replace_scopes(const std::set<std::string>& name_spaces, const Scope& former, Time due);
  Scope& add_scope(const std::string& name_space, ListWatch::Start start);
  void fit_scopes(const std::set<std::string>& grown);
  void drop_uncovered();
  [[nodiscard]] std::set<std::string> wanted_namespaces() const;  // at most namespaces_max
  [[nodiscard]] Backoff fresh_backoff() { return Backoff(static_cast<std::uint32_t>(seeds_())); }
  void look_at_age(Time now);
  void drop(Scope& scope, Time now);

  void advance();
  void begin_requests(const std::string& name_space, Scope& scope, Time now);
  [[nodiscard]] ClusterEnvironment::Begun begin(const std::string& name_space, std::uint64_t number,
                                                const ListWatch::Request& request);
  void retire_call(Scope& scope);
  template <typename Input>
  void hand_in(const std::string& name_space, std::uint64_t number, Input input);
  [[nodiscard]] std::string problem() const;

  config::Cluster cluster_;
  ClusterWatch::OnEndpoints on_endpoints_;
  ClusterEnvironment& environment_;
  std::minstd_rand seeds_;
  WatchTiming timing_;

  ClusterSlices slices_;
  ServiceReports reports_;
  Scopes scopes_;
  std::vector<std::unique_ptr<HttpsCall>> retired_;  // ended, perhaps from within their own callback
  std::uint64_t last_call_ = 0;
  std::size_t misnamed_ = 0;   // wanted services that are no NAMESPACE/NAME
  std::size_t uncovered_ = 0;  // wanted services without a list, because there are too many namespaces
  std::optional<Time> contact_at_;
  // Both clocks at the last tick: contact is told in wall time.
  Time ticked_at_;
  std::optional<policy::TimePoint> wall_at_tick_;
};

}  // namespace sallyport::controlplane
