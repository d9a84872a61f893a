#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned configured_peers_per_step = 128;

template <typename Value>
Json list_json(const std::vector<Value>& values) {
  Json list = Json::array();
  for (const Value& value : values) list.push_back(value.to_string());
  return list;
}

Json paths_json(const std::vector<std::filesystem::path>& paths) {
  Json list = Json::array();
  for (const auto& path : paths) list.push_back(path.string());
  return list;
}

Json path_json(const std::optional<std::filesystem::path>& path) {
  return path ? Json(path->string()) : Json();
}

template <typename Value>
Json optional_json(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json configured_claims_json(const std::vector<config::Claim>& claims) {
  Json object = Json::object();
  for (const config::Claim& claim : claims) object[claim.name] = claim.values;
  return object;
}

Json dataplane_json(const config::Dataplane& dataplane) {
  return {{"workers", dataplane.workers},
          {"memory_mb", optional_json(dataplane.memory_mb)},
          {"hugepages", config::to_string(dataplane.hugepages)},
          {"idle", config::to_string(dataplane.idle)},
          {"max_peers", dataplane.max_peers},
          {"max_sessions", dataplane.max_sessions},
          {"max_flows", dataplane.max_flows},
          {"max_classes", dataplane.max_classes},
          {"crypto", dataplane.crypto},
          {"eal_args", dataplane.eal_args},
          {"user", optional_json(dataplane.user)},
          {"socket", dataplane.socket.string()}};
}

Json controlplane_json(const config::Controlplane& controlplane) {
  return {{"socket", controlplane.socket.string()},
          {"state", controlplane.state.string()},
          {"metrics", controlplane.metrics ? Json(controlplane.metrics->to_string()) : Json()},
          {"log_level", config::to_string(controlplane.log_level)},
          {"log_format", config::to_string(controlplane.log_format)},
          {"user", optional_json(controlplane.user)}};
}

Json port_json(const config::Port& port) {
  return {{"name", port.name},
          {"device", port.device},
          {"vlan", optional_json(port.vlan)},
          {"role", config::to_string(port.role)},
          {"addresses", list_json(port.addresses)},
          {"gateway", list_json(port.gateway)},
          {"gateway_onlink", port.gateway_onlink},
          {"mtu", port.mtu},
          {"rx_queues", port.rx_queues},
          {"host", list_json(port.host)},
          {"mac", port.mac ? Json(config::to_string(*port.mac)) : Json()},
          {"rpf", config::to_string(port.rpf)}};
}

Json tunnel_json(const config::Wireguard& tunnel) {
  return {{"name", tunnel.name},
          {"listen_port", tunnel.listen_port},
          {"private_key_file", tunnel.private_key_file.string()},
          {"addresses", list_json(tunnel.addresses)},
          {"mtu", tunnel.mtu},
          {"mss_clamp", tunnel.mss_clamp},
          {"udp_checksum", config::to_string(tunnel.udp_checksum)}};
}

Json peer_json(const Peer& peer) {
  return {{"name", peer.name},
          {"wireguard", peer.interface},
          {"public_key", encode_key(peer.public_key)},
          {"preshared_key_file", path_json(peer.preshared_key_file)},
          {"allowed_ips", list_json(peer.prefixes)},
          {"endpoint", peer.endpoint ? Json(peer.endpoint->to_string()) : Json()},
          {"persistent_keepalive_s", peer.persistent_keepalive ? Json(peer.persistent_keepalive->count()) : Json()},
          {"identity", text_or_null(peer.identity())},
          {"tags", peer.facts.tags},
          {"claims", own_claims_json(peer.facts.claims)}};
}

Json enrolment_json(const config::Enrolment& enrolment) {
  return {{"listen", enrolment.listen.to_string()},
          {"certificate_file", enrolment.certificate_file.string()},
          {"private_key_file", enrolment.private_key_file.string()},
          {"client_ca_files", paths_json(enrolment.client_ca_files)},
          {"wireguard", enrolment.wireguard},
          {"pool", enrolment.pool},
          {"endpoint", enrolment.endpoint ? Json(enrolment.endpoint->to_string()) : Json()},
          {"sessions_per_identity", enrolment.sessions_per_identity},
          {"requests_per_s", enrolment.requests_per_s},
          {"post_quantum", config::to_string(enrolment.post_quantum)},
          {"max_session_s", enrolment.max_session ? Json(enrolment.max_session->count()) : Json()},
          {"dns", list_json(enrolment.dns)},
          {"routes", list_json(enrolment.routes)}};
}

Json configured_cluster_json(const config::Cluster& cluster) {
  return {{"name", cluster.name},
          {"api_server", cluster.api_server},
          {"ca_file", cluster.ca_file.string()},
          {"token_file", cluster.token_file.string()},
          {"on_stale", config::to_string(cluster.on_stale)},
          {"stale_after_s", cluster.stale_after.count()}};
}

Json ipsec_peer_json(const config::IpsecPeer& peer) {
  return {{"name", peer.name},
          {"connect", config::to_string(peer.connect)},
          {"remote", peer.remote ? Json(peer.remote->to_string()) : Json("any")},
          {"local_id", peer.local_id.to_string()},
          {"remote_id", peer.remote_id ? Json(peer.remote_id->to_string()) : Json()},
          {"auth", config::to_string(peer.auth)},
          {"certificate_file", path_json(peer.certificate_file)},
          {"private_key_file", path_json(peer.private_key_file)},
          {"ca_files", paths_json(peer.ca_files)},
          {"psk_file", path_json(peer.psk_file)},
          {"eap_users_file", path_json(peer.eap_users_file)},
          {"local_prefixes", list_json(peer.local_prefixes)},
          {"remote_prefixes", list_json(peer.remote_prefixes)},
          {"pool", optional_json(peer.pool)},
          {"identity", optional_json(peer.identity)},
          {"tags", peer.tags},
          {"claims", configured_claims_json(peer.claims)}};
}

template <typename Value, typename ToJson>
Json each(const std::vector<Value>& values, ToJson to_json) {
  Json list = Json::array();
  for (const Value& value : values) list.push_back(to_json(value));
  return list;
}

// All but the peers, under the names of the file.
Json without_peers(const config::Config& configuration) {
  Json view = {{"gateway", {{"name", configuration.gateway.name}}},
               {"dataplane", dataplane_json(configuration.dataplane)},
               {"controlplane", controlplane_json(configuration.controlplane)},
               {"port", each(configuration.ports, port_json)},
               {"route", each(configuration.routes,
                              [](const config::Route& route) -> Json {
                                return {{"to", route.to.to_string()}, {"via", route.via.to_string()}};
                              })},
               {"wireguard", each(configuration.wireguards, tunnel_json)},
               {"pool", each(configuration.pools, [](const config::Pool& pool) -> Json {
                  return {{"name", pool.name}, {"prefixes", list_json(pool.prefixes)}};
                })}};
  view["enrolment"] = configuration.enrolment ? enrolment_json(*configuration.enrolment) : Json();
  view["cluster"] = each(configuration.clusters, configured_cluster_json);
  view["flow_records"] = nullptr;
  if (const auto& records = configuration.flow_records)
    view["flow_records"] = {
        {"file", records->file.string()}, {"rotate_mb", records->rotate_mb}, {"keep", records->keep}};
  view["ipsec"] =
      configuration.ipsec ? Json::object({{"addresses", list_json(configuration.ipsec->addresses)}}) : Json();
  view["ipsec_peer"] = each(configuration.ipsec_peers, ipsec_peer_json);
  view["policy"] = {{"default", configuration.policy.allow_everything ? Json("allow") : Json()},
                    {"files", paths_json(configuration.policy.files)}};
  view["warnings"] = configuration.warnings;
  return view;
}

// The configuration in force, as its files have it: without peers by proof. It names files that hold secrets; the
// secrets themselves are in none of its values.
std::unique_ptr<BodySource> configuration_view(const AdminBackend& backend) {
  std::string head = to_text(without_peers(backend.configuration()));
  head.back() = ',';  // the object goes on with its peers
  head += "\"peer\":";
  const auto step = [&backend, next = std::size_t{0}](const JsonEmit& emit) mutable {
    const auto& peers = backend.peers();
    for (unsigned i = 0; i < configured_peers_per_step && next < peers.size(); ++i, ++next)
      if (peers[next].origin != PeerOrigin::proof) emit(peer_json(peers[next]));
    return next < peers.size();
  };
  return json_array(step, std::move(head), "}");
}

HttpResponse get_configuration(const Call& call) {
  return stream(configuration_view(call.backend));
}

HttpResponse post_reload(const Call& call) {
  auto reloaded = call.backend.reload();
  if (reloaded) return document({{"changes", reloaded->changes}, {"warnings", reloaded->warnings}});
  return errors_document("the configuration has errors; nothing was changed", reloaded.error());
}

}  // namespace

std::span<const Endpoint> configuration_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"config"}, get_configuration, "the configuration in force, without secrets"},
      Endpoint{"POST",
               {"reload"},
               post_reload,
               "read the configuration again: all of it or nothing; what needs a restart is named"},
  };
  return list;
}

}  // namespace sallyport::controlplane
