// What belongs to no peer: issuers, clusters, pools, and what the control plane complains of.
#pragma once

#include <vector>

#include "controlplane/api/diagnose/check.hpp"
#include "controlplane/api/enrolment_backend.hpp"

namespace sallyport::controlplane::diagnose {

[[nodiscard]] Check check_trust(const TrustSourceStatus& source, TimePoint now);
[[nodiscard]] Check check_cluster(const ClusterStatus& cluster, TimePoint now);
[[nodiscard]] Check check_pool(const PoolUse& pool);
[[nodiscard]] Check check_problems(const std::vector<Problem>& problems);

}  // namespace sallyport::controlplane::diagnose
