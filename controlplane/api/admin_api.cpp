#include "controlplane/api/admin_api.hpp"

#include <algorithm>
#include <array>

#include "config/toml/suggest.hpp"
#include "controlplane/api/capture.hpp"
#include "controlplane/api/target.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

struct Call {
  const HttpRequest& request;
  const Target& target;
  AdminBackend& backend;
  const RequestTime& time;
  std::string name;  // what stands where the endpoint has NAME
};

struct Endpoint {
  std::string_view method;
  std::array<std::string_view, 4> path;  // after /v1; unused ones are empty
  HttpResponse (*answer)(const Call&);
  std::string_view text;
};

HttpResponse document(const Json& value, unsigned status = 200) {
  return {.status = status, .body = to_text(value) + '\n'};
}

HttpResponse failure(unsigned status, std::string_view message) {
  return document({{"error", message}}, status);
}

HttpResponse stream(std::unique_ptr<BodySource> source, std::string_view content_type = "application/json") {
  return {.content_type = std::string(content_type), .stream = std::move(source)};
}

const config::Peer* find_peer(const Call& call, std::string_view name) {
  const auto& peers = call.backend.configuration().peers;
  const auto found =
      std::find_if(peers.begin(), peers.end(), [&](const config::Peer& peer) { return peer.name == name; });
  return found == peers.end() ? nullptr : &*found;
}

HttpResponse unknown_peer(const Call& call, std::string_view name) {
  constexpr std::size_t most_names = 10'000;  // looked at for a suggestion
  const auto& peers = call.backend.configuration().peers;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < peers.size() && i < most_names; ++i) names.emplace_back(peers[i].name);
  return failure(404, "there is no peer '" + std::string(name) + "'" + config::did_you_mean(name, names));
}

HttpResponse get_status(const Call& call) {
  return document(status_view(call.backend, call.time));
}

HttpResponse get_peers(const Call& call) {
  return stream(peers_view(call.backend, call.time));
}

HttpResponse get_peer(const Call& call) {
  const config::Peer* peer = find_peer(call, call.name);
  return peer == nullptr ? unknown_peer(call, call.name) : document(peer_view(*peer, call.backend, call.time));
}

HttpResponse get_sessions(const Call& call) {
  std::optional<std::uint32_t> peer_id;
  if (const auto name = call.target.parameter("peer")) {
    peer_id = call.backend.peer_id(*name);
    if (!peer_id) return unknown_peer(call, *name);
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
  const config::Peer* peer = find_peer(call, call.name);
  return peer == nullptr ? unknown_peer(call, call.name) : document(client_configuration_view(*peer, call.backend));
}

HttpResponse post_reload(const Call& call) {
  auto reloaded = call.backend.reload();
  if (reloaded) return document({{"changes", reloaded->changes}, {"warnings", reloaded->warnings}});
  Json errors = Json::array();
  for (const config::Error& error : reloaded.error())
    errors.push_back({{"file", error.location.file ? Json(*error.location.file) : Json()},
                      {"line", error.location.line},
                      {"column", error.location.column},
                      {"message", error.message}});
  return document({{"error", "the configuration has errors; nothing was changed"}, {"errors", std::move(errors)}}, 422);
}

HttpResponse post_forget_timestamp(const Call& call) {
  if (find_peer(call, call.name) == nullptr) return unknown_peer(call, call.name);
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

constexpr std::array endpoints = {
    Endpoint{"GET", {}, get_index, "this list"},
    Endpoint{"GET", {"status"}, get_status, "both processes, and what could not be made real"},
    Endpoint{"GET", {"peers"}, get_peers, "every peer with its endpoint, traffic and sessions"},
    Endpoint{"GET", {"peers", "NAME"}, get_peer, "one peer"},
    Endpoint{"POST", {"peers", "NAME", "forget-timestamp"}, post_forget_timestamp, "accept older handshakes again"},
    Endpoint{"GET", {"sessions"}, get_sessions, "live sessions; ?peer=NAME for those of one"},
    Endpoint{"GET", {"routes"}, get_routes, "inner and underlay routes"},
    Endpoint{"GET", {"ports"}, get_ports, "ports with their links and counters"},
    Endpoint{"GET", {"neighbours"}, get_neighbours, "ARP and neighbour discovery"},
    Endpoint{"GET", {"counters"}, get_counters, "every counter, summed and by port"},
    Endpoint{"GET", {"config"}, get_configuration, "the configuration in force, without secrets"},
    Endpoint{"POST", {"reload"}, post_reload, "read the configuration again: all of it or nothing"},
    Endpoint{"POST", {"capture"}, post_capture, "packets as pcapng or JSON lines, until the client goes"},
    Endpoint{"GET", {"client-config", "NAME"}, get_client_configuration, "what a peer's own configuration needs"},
};

std::string path_of(const Endpoint& endpoint) {
  std::string path = "/v1";
  for (const std::string_view segment : endpoint.path)
    if (!segment.empty()) path += '/' + std::string(segment);
  return path;
}

HttpResponse get_index(const Call& /*call*/) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoints)
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
  for (const Endpoint& endpoint : endpoints) {
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
