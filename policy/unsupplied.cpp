#include "policy/unsupplied.hpp"

#include <utility>

#include "policy/unknown_clusters.hpp"

namespace sallyport::policy {

std::vector<std::string> unsupplied(const Policy& policy, const config::Config& gateway) {
  std::vector<std::string> warnings = unknown_clusters(policy, gateway.clusters);
  if (gateway.enrolment) return warnings;
  for (const Rule& rule : policy.rules) {
    if (rule.posture.empty() && !rule.auth_age) continue;
    const char* const what = rule.posture.empty() ? "auth_age: a peer is authenticated" : "posture: a peer has one";
    warnings.push_back(
        config::to_string({rule.location, "rule '" + rule.name + "' can never match: " + what +
                                              " by enrolment alone, and the gateway has no [enrolment]"}));
  }
  return warnings;
}

}  // namespace sallyport::policy
