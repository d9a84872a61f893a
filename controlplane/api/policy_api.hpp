// What the endpoints about the policy share: what is in force, what would change, who may do what, and why.
#pragma once

#include "controlplane/api/admin_call.hpp"
#include "policy/difference.hpp"

namespace sallyport::controlplane {

inline constexpr std::size_t most_policy_files = 1024;
inline constexpr std::size_t longest_file_name_bytes = 1024;
inline constexpr std::size_t most_endpoints = 65'536;
inline constexpr std::uint32_t most_audit_lines = 10'000;
inline constexpr std::uint32_t most_flows_listed = 1U << 20;
inline constexpr std::size_t flow_backlog_bytes = std::size_t{8} << 20;

[[nodiscard]] Json text_or_null(const std::string& text);
[[nodiscard]] Json version_json(const PolicyVersion& version);
[[nodiscard]] Json file_json(const config::Location& location);
[[nodiscard]] Json rule_json(const policy::Rule* rule);                        // {name, file, line}, or null
[[nodiscard]] Json claims_json(const std::vector<policy::Claim>& claims);      // {issuer: {key: [values]}}
[[nodiscard]] Json own_claims_json(const std::vector<policy::Claim>& claims);  // of one issuer: {key: [values]}
// 422 with located errors, 412 with the ETag in force, 404 or 409.
[[nodiscard]] HttpResponse refusal(const PolicyRefusal& refused, const PolicyBackend& backend);

}  // namespace sallyport::controlplane
