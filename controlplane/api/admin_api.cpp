#include "controlplane/api/admin_api.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "controlplane/api/endpoint.hpp"

namespace sallyport::controlplane {
namespace {

std::string path_of(const Endpoint& endpoint) {
  std::string path = "/v1";
  for (const std::string_view segment : endpoint.path)
    if (!segment.empty()) path += '/' + std::string(segment);
  return path;
}

HttpResponse get_index(const Call& /*call*/) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoints())
    list.push_back({{"method", endpoint.method}, {"path", path_of(endpoint)}, {"text", endpoint.text}});
  return document(list);
}

// Whether the target is of this endpoint, and the name in it.
bool matches(const Endpoint& endpoint, const Target& target, std::string& name) {
  const auto& path = endpoint.path;
  const auto length = static_cast<std::size_t>(std::find(path.begin(), path.end(), std::string_view()) - path.begin());
  if (target.segments.size() != length + 1 || target.segments[0] != "v1") return false;
  for (std::size_t i = 0; i < length; ++i) {
    if (path[i] == "NAME") {
      name = target.segments[i + 1];
    } else if (path[i] != target.segments[i + 1]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::span<const Endpoint> endpoints() {
  static const std::vector<Endpoint> all = [] {
    std::vector<Endpoint> list = {{"GET", {}, get_index, "this list"}};
    for (const auto table : {status_endpoints(),        peer_endpoints(),          enrolled_endpoints(),
                             revocation_endpoints(),    enrolment_key_endpoints(), pin_endpoints(),
                             trust_endpoints(),         cluster_endpoints(),       pool_endpoints(),
                             diagnose_endpoints(),      route_endpoints(),         port_endpoints(),
                             configuration_endpoints(), capture_endpoints(),       client_configuration_endpoints(),
                             policy_endpoints(),        rule_endpoints(),          policy_change_endpoints(),
                             explain_endpoints(),       identity_endpoints(),      flow_endpoints(),
                             service_endpoints()})
      list.insert(list.end(), table.begin(), table.end());
    return list;
  }();
  return all;
}

HttpResponse handle_admin_request(const HttpRequest& request, AdminBackend& backend, const RequestTime& time) {
  const auto target = parse_target(request.target);
  if (!target) return failure(400, "the request's target is not a path of this API: GET /v1 lists them");
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  std::string allowed;
  for (const Endpoint& endpoint : endpoints()) {
    std::string name;
    if (!matches(endpoint, *target, name)) continue;
    if (endpoint.method == method) return endpoint.answer({request, *target, backend, time, std::move(name)});
    allowed += (allowed.empty() ? "" : ", ") + std::string(endpoint.method);
  }
  if (allowed.empty()) return failure(404, "there is no such path: GET /v1 lists them");
  HttpResponse response = failure(405, "this path has another method: " + allowed);
  response.allow = allowed;
  return response;
}

}  // namespace sallyport::controlplane
