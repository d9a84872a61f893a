#include "policy/unknown_clusters.hpp"

#include <algorithm>
#include <string_view>

#include "config/toml/suggest.hpp"

namespace sallyport::policy {

std::vector<std::string> unknown_clusters(const Policy& policy, std::span<const config::Cluster> clusters) {
  std::vector<std::string_view> known;
  for (const config::Cluster& cluster : clusters) known.push_back(cluster.name);
  std::vector<std::string> warnings;
  for (const Service& service : policy.services) {
    const auto slash = service.endpoints ? service.endpoints->find('/') : std::string::npos;
    if (slash == std::string::npos) continue;  // no live service, or one that is set over the API
    const std::string cluster = service.endpoints->substr(0, slash);
    if (std::find(known.begin(), known.end(), cluster) != known.end()) continue;
    warnings.push_back(
        config::to_string({service.location, "service '" + service.name + "' follows " + *service.endpoints +
                                                 ", but the gateway has no [cluster." + cluster + ']' +
                                                 config::did_you_mean(cluster, known)}));
  }
  return warnings;
}

}  // namespace sallyport::policy
