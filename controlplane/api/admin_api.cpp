#include "controlplane/api/admin_api.hpp"

#include <algorithm>
#include <array>

#include "controlplane/api/capture.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

struct Endpoint {
  std::string_view method;
  std::array<std::string_view, 4> path;  // after /v1; unused ones are empty
  HttpResponse (*answer)(const Call&);
  std::string_view text;
};

HttpResponse get_status(const Call& call) {
  return document(status_view(call.backend, call.time));
}

HttpResponse get_peers(const Call& call) {
  return stream(peers_view(call.backend, call.time));
}

HttpResponse get_peer(const Call& call) {
  const config::Peer* peer = find_peer(call.backend, call.name);
  return peer == nullptr ? unknown_peer(call.backend, call.name) : document(peer_view(*peer, call.backend, call.time));
}

HttpResponse get_sessions(const Call& call) {
  std::optional<std::uint32_t> peer_id;
  if (const auto name = call.target.parameter("peer")) {
    peer_id = call.backend.peer_id(*name);
    if (!peer_id) return unknown_peer(call.backend, *name);
  }
  return stream(sessions_view(call.backend, call.time, peer_id));
}

HttpResponse get_routes(const Call& call) {
  return stream(routes_view(call.backend));
}

HttpResponse get_ports(const Call& call) {
  return document(ports_view(call.backend));
}

HttpResponse get_neighbours(const Call& call) {
  return document(neighbours_view(call.backend, call.time));
}

HttpResponse get_counters(const Call& call) {
  return document(counters_view(call.backend));
}

HttpResponse get_configuration(const Call& call) {
  return stream(configuration_view(call.backend));
}

HttpResponse get_client_configuration(const Call& call) {
  const config::Peer* peer = find_peer(call.backend, call.name);
  if (peer == nullptr) return unknown_peer(call.backend, call.name);
  if (session_of(*peer, call.backend) != nullptr)
    return failure(409, "the peer " + in_quotes(call.name) +
                            " enrolled itself, and its client was told what it needs: nothing is written for it");
  return document(client_configuration_view(*peer, call.backend));
}

HttpResponse post_reload(const Call& call) {
  auto reloaded = call.backend.reload();
  if (reloaded) return document({{"changes", reloaded->changes}, {"warnings", reloaded->warnings}});
  return errors_document("the configuration has errors; nothing was changed", reloaded.error());
}

HttpResponse post_forget_timestamp(const Call& call) {
  if (find_peer(call.backend, call.name) == nullptr) return unknown_peer(call.backend, call.name);
  const auto done = call.backend.forget_timestamp(call.name);
  if (!done) return failure(409, done.error());
  return document({{"peer", call.name}, {"forgotten", true}});
}

HttpResponse post_capture(const Call& call) {
  const auto request = parse_capture_request(call.request.body, call.backend);
  if (!request) return failure(request.error().status, request.error().message);
  auto source = start_capture(*request, call.backend, call.time);
  if (!source) return failure(source.error().status, source.error().message);
  return stream(std::move(*source),
                request->format == CaptureFormat::pcapng ? "application/x-pcapng" : "application/x-ndjson");
}

HttpResponse get_index(const Call& call);

constexpr std::array endpoint_list = {
    Endpoint{"GET", {}, get_index, "this list"},
    Endpoint{"GET", {"status"}, get_status, "both processes, and what could not be made real"},
    Endpoint{"GET", {"peers"}, get_peers, "every peer with its endpoint, traffic and sessions"},
    Endpoint{"GET", {"peers", "NAME"}, get_peer, "one peer"},
    Endpoint{"POST", {"peers", "NAME", "forget-timestamp"}, post_forget_timestamp, "accept older handshakes again"},
    Endpoint{"GET", {"sessions"}, get_sessions, "live WireGuard sessions; ?peer=NAME for those of one"},
    Endpoint{
        "GET", {"enrolled"}, get_enrolled_sessions, "tunnels by proof: who enrolled, until when, and what is known"},
    Endpoint{"DELETE", {"enrolled", "NAME"}, delete_enrolled_session, "end one; its client may enrol again"},
    Endpoint{"GET", {"revocations"}, get_revocations, "identities and keys that are believed no more"},
    Endpoint{"POST", {"revocations"}, post_revocation, "revoke one; answered when it is on disk"},
    Endpoint{"DELETE", {"revocations"}, delete_revocation, "?kind= &value=: take one back"},
    Endpoint{
        "GET", {"enrolment-keys"}, get_enrolment_keys, "keys by which machines enrol without an identity provider"},
    Endpoint{"POST", {"enrolment-keys"}, post_enrolment_key, "make one; its secret is in the answer alone"},
    Endpoint{"GET", {"pins"}, get_pins, "names that belong to the subject who had them first"},
    Endpoint{"DELETE", {"pins"}, delete_pin, "?identity=: let another subject have it"},
    Endpoint{"GET", {"trust"}, get_trust, "keys and bundles of the issuers, and how old they are"},
    Endpoint{"GET", {"clusters"}, get_clusters, "Kubernetes clusters that live services follow"},
    Endpoint{"GET", {"pools"}, get_pools, "pools of inner addresses, and what is given out"},
    Endpoint{"GET", {"diagnose"}, get_diagnosis, "?of=PEER, session, identity or address: what is wrong, end to end"},
    Endpoint{"GET", {"routes"}, get_routes, "inner and underlay routes"},
    Endpoint{"GET", {"ports"}, get_ports, "ports with their links and counters"},
    Endpoint{"GET", {"neighbours"}, get_neighbours, "ARP and neighbour discovery"},
    Endpoint{"GET", {"counters"}, get_counters, "every counter, summed and by port"},
    Endpoint{"GET", {"config"}, get_configuration, "the configuration in force, without secrets"},
    Endpoint{"POST",
             {"reload"},
             post_reload,
             "read the configuration again: all of it or nothing; what needs a restart is named"},
    Endpoint{"POST", {"capture"}, post_capture, "packets as pcapng or JSON lines, until the client goes"},
    Endpoint{"GET", {"client-config", "NAME"}, get_client_configuration, "what a peer's own configuration needs"},
    Endpoint{"GET", {"policy"}, get_policy, "the policy in force: its version, source and size"},
    Endpoint{"PUT", {"policy"}, put_policy, "put other files in force: all of them or nothing; honours If-Match"},
    Endpoint{"GET", {"policy", "bundle"}, get_bundle, "the files of the policy in force"},
    Endpoint{"GET", {"policy", "rules"}, get_policy_rules, "every rule with its counters, and what no rule allowed"},
    Endpoint{"POST", {"policy", "apply"}, post_policy_apply, "read the configured files again; honours If-Match"},
    Endpoint{"POST", {"policy", "diff"}, post_policy_difference, "who would gain and lose what by other files"},
    Endpoint{"GET",
             {"explain"},
             get_explanation,
             "the decision about a flow: ?source= &destination= &protocol= &port= &at="},
    Endpoint{"GET", {"whois"}, get_whois, "?address=: its peer, identity, services and route"},
    Endpoint{"GET", {"flows"}, get_flows, "live flows: ?peer= &address= &port= &protocol= &rule= &most="},
    Endpoint{"GET", {"identities"}, get_identities, "every configured peer as the policy sees it"},
    Endpoint{"GET", {"audit"}, get_audit, "changes of the policy, newest first; ?most="},
    Endpoint{"GET", {"services"}, get_services, "the services of the policy"},
    Endpoint{"GET", {"services", "NAME", "endpoints"}, get_endpoints, "the addresses of a live service"},
    Endpoint{"PUT", {"services", "NAME", "endpoints"}, put_endpoints, "replace them"},
};

std::string path_of(const Endpoint& endpoint) {
  std::string path = "/v1";
  for (const std::string_view segment : endpoint.path)
    if (!segment.empty()) path += '/' + std::string(segment);
  return path;
}

HttpResponse get_index(const Call& /*call*/) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoint_list)
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

HttpResponse handle_admin_request(const HttpRequest& request, AdminBackend& backend, const RequestTime& time) {
  const auto target = parse_target(request.target);
  if (!target) return failure(400, "the request's target is not a path of this API: GET /v1 lists them");
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  std::string allowed;
  for (const Endpoint& endpoint : endpoint_list) {
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
