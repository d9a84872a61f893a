// What was said of each wanted service, so that only what changed is said again. A service is unknown until a complete
// list covered it, and nothing is said of it till then: the endpoints of a former run may be in force.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "controlplane/kubernetes/cluster_watch.hpp"
#include "controlplane/kubernetes/endpoint_slices.hpp"

namespace sallyport::controlplane {

class ServiceReports {
 public:
  void set_wanted(const std::set<std::string>& services);
  // A complete list covers it.
  void know(const std::string& service);
  // It has no endpoints until then, whatever was known.
  void drop(const std::string& service);
  [[nodiscard]] bool knows(const std::string& service) const;

  // Of the services in `touched` and those whose standing changed, what is new. on_endpoints may call set_wanted().
  void tell(const std::set<std::string>& touched, const EndpointSlices& slices,
            const ClusterWatch::OnEndpoints& on_endpoints);

 private:
  enum class Standing : std::uint8_t { unknown, known, dropped };
  struct Entry {
    Standing standing = Standing::unknown;
    bool changed = false;               // the standing did
    std::optional<LiveEndpoints> told;  // nothing: nothing, or that it was dropped
  };
  void set_standing(const std::string& service, Standing standing);

  std::map<std::string, Entry> entries_;
};

}  // namespace sallyport::controlplane
