// An endpoint of the admin API as one entry of a table. Each file that answers requests ends with the table of its own
// endpoints, beside the functions that answer; the whole list is made of these tables.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "controlplane/api/admin_call.hpp"

namespace sallyport::controlplane {

struct Endpoint {
  std::string_view method;
  std::array<std::string_view, 4> path;  // after /v1; unused ones are empty, NAME stands for any name
  HttpResponse (*answer)(const Call&);
  std::string_view text;
};

// All, in the order of GET /v1.
[[nodiscard]] std::span<const Endpoint> endpoints();

// --- One table of each file ----------------------------------------------------------------------------------------

std::span<const Endpoint> status_endpoints();
std::span<const Endpoint> peer_endpoints();
std::span<const Endpoint> enrolled_endpoints();
std::span<const Endpoint> revocation_endpoints();
std::span<const Endpoint> enrolment_key_endpoints();
std::span<const Endpoint> pin_endpoints();
std::span<const Endpoint> trust_endpoints();
std::span<const Endpoint> cluster_endpoints();
std::span<const Endpoint> pool_endpoints();
std::span<const Endpoint> diagnose_endpoints();
std::span<const Endpoint> route_endpoints();
std::span<const Endpoint> port_endpoints();
std::span<const Endpoint> configuration_endpoints();
std::span<const Endpoint> capture_endpoints();
std::span<const Endpoint> client_configuration_endpoints();
std::span<const Endpoint> policy_endpoints();
std::span<const Endpoint> rule_endpoints();
std::span<const Endpoint> policy_change_endpoints();
std::span<const Endpoint> explain_endpoints();
std::span<const Endpoint> identity_endpoints();
std::span<const Endpoint> flow_endpoints();
std::span<const Endpoint> service_endpoints();

}  // namespace sallyport::controlplane
