// Where policy and gateway.toml meet: live services follow clusters that the gateway must know.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

// Warnings: "policy.toml:30:1: service 'shop' follows ..." for each service of a cluster that is not among these.
[[nodiscard]] std::vector<std::string> unknown_clusters(const Policy& policy,
                                                        std::span<const config::Cluster> clusters);

}  // namespace sallyport::policy
