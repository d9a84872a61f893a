// What a policy asks for and nothing in this gateway can supply: the rule loads, and never matches.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

// Warnings, each with its place: unknown_clusters(); rules that ask for posture or auth_age, which peers have by
// enrolment alone, where gateway.toml has no [enrolment].
[[nodiscard]] std::vector<std::string> unsupplied(const Policy& policy, const config::Config& gateway);

}  // namespace sallyport::policy
