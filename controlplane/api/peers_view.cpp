#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolled_peers.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "controlplane/api/policy_api.hpp"
#include "controlplane/api/views.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned listed_peers_per_step = 64;
constexpr unsigned session_slots_per_step = 4096;

Json age_json(std::uint64_t then_ns, const RequestTime& time) {
  return then_ns == 0 ? Json() : Json(time.seconds_since(then_ns));
}

// The sessions that the record names, in the order in which they will be used.
std::vector<abi::SessionStatusValue> sessions_of(const abi::PeerStatusValue& status, std::uint32_t peer_id,
                                                 const abi::StatisticsView& statistics) {
  std::vector<abi::SessionStatusValue> sessions;
  for (const std::uint32_t index : {status.next_index, status.current_index, status.previous_index}) {
    if (index == 0) continue;
    if (auto session = session_status(index, statistics); session && session->peer_id == peer_id)
      sessions.push_back(*session);
  }
  return sessions;
}

// Null: of a peer that did not enrol nobody knows how its preshared key came to it.
Json post_quantum_json(const std::string& peer, const AdminBackend& backend) {
  const EnrolledSession* enrolled = backend.enrolled_session(peer);
  return enrolled == nullptr ? Json() : Json(is_post_quantum(*enrolled));
}

Json session_view(const abi::SessionStatusValue& session, const AdminBackend& backend, const RequestTime& time) {
  const std::string peer(backend.peer_name(session.peer_id));
  return {{"peer", peer},
          {"index", session.index},
          {"remote_index", session.remote_index},
          {"role", controlplane::to_string(session.role)},
          {"state", controlplane::to_string(session.state)},
          {"age_s", time.seconds_since(session.created_at_ns)},
          {"send_counter", session.send_counter},
          {"received_counter", session.greatest_received_counter},
          {"rx_packets", session.rx_packets},
          {"tx_packets", session.tx_packets},
          {"owner_worker", session.owner_worker},
          {"post_quantum", post_quantum_json(peer, backend)}};
}

Json live_json(const Peer& peer, const abi::PeerStatusValue& status, const AdminBackend& backend,
               const RequestTime& time) {
  const abi::StatisticsView& statistics = *backend.statistics();
  Json sessions = Json::array();
  for (const auto& session : sessions_of(status, backend.peer_id(peer.name).value_or(abi::no_peer), statistics))
    sessions.push_back(session_view(session, backend, time));
  return {{"endpoint", status.endpoint.is_set() ? Json(status.endpoint.to_string()) : Json()},
          {"latest_handshake_s_ago", age_json(status.latest_handshake_ns, time)},
          {"rx_bytes", status.rx_bytes},
          {"tx_bytes", status.tx_bytes},
          {"rx_packets", status.rx_packets},
          {"tx_packets", status.tx_packets},
          {"staged_packets", status.staged_packets},
          {"sessions", std::move(sessions)},
          {"last_received_s_ago", age_json(status.last_received_ns, time)},
          {"last_sent_s_ago", age_json(status.last_sent_ns, time)},
          {"local", status.local.is_set() ? Json(status.local.to_string()) : Json()},
          {"underlay_port",
           status.underlay_port == abi::no_port ? Json() : Json(port_name(status.underlay_port, statistics))}};
}

Json absent_json() {
  return {{"endpoint", nullptr},
          {"latest_handshake_s_ago", nullptr},
          {"rx_bytes", 0},
          {"tx_bytes", 0},
          {"rx_packets", 0},
          {"tx_packets", 0},
          {"staged_packets", 0},
          {"sessions", Json::array()},
          {"last_received_s_ago", nullptr},
          {"last_sent_s_ago", nullptr},
          {"local", nullptr},
          {"underlay_port", nullptr}};
}

}  // namespace

Json prefixes_json(const std::vector<IpPrefix>& prefixes) {
  Json list = Json::array();
  for (const IpPrefix& prefix : prefixes) list.push_back(prefix.to_string());
  return list;
}

std::optional<abi::PeerStatusValue> peer_status(const Peer& peer, const AdminBackend& backend) {
  const abi::StatisticsView* statistics = backend.statistics();
  const auto id = backend.peer_id(peer.name);
  if (statistics == nullptr || !id || *id >= statistics->max_peers()) return std::nullopt;
  auto status = statistics->peer(*id);
  if (!status || status->live == 0 || status->key != peer.public_key) return std::nullopt;
  return status;
}

std::optional<abi::SessionStatusValue> session_status(std::uint32_t index, const abi::StatisticsView& statistics) {
  if (statistics.max_sessions() == 0) return std::nullopt;
  auto session = statistics.session(index & (statistics.max_sessions() - 1));
  if (!session || session->state == abi::SessionState::none || session->index != index) return std::nullopt;
  return session;
}

std::string_view to_string(abi::SessionState state) {
  switch (state) {
    case abi::SessionState::next:
      return "next";
    case abi::SessionState::current:
      return "current";
    case abi::SessionState::previous:
      return "previous";
    case abi::SessionState::none:
      break;
  }
  return "none";
}

std::string_view to_string(abi::HandshakeRole role) {
  switch (role) {
    case abi::HandshakeRole::initiator:
      return "initiator";
    case abi::HandshakeRole::responder:
      return "responder";
  }
  return "unknown";
}

namespace {

Json peer_view(const Peer& peer, const AdminBackend& backend, const RequestTime& time) {
  const auto status = peer_status(peer, backend);
  Json view = {{"name", peer.name},
               {"tunnel", peer.interface},
               {"public_key", encode_key(peer.public_key)},
               {"identity", text_or_null(peer.identity())},
               {"in_dataplane", status.has_value()}};
  view.update(status ? live_json(peer, *status, backend, time) : absent_json());
  view["allowed_ips"] = prefixes_json(peer.prefixes);
  view["configured_endpoint"] = peer.endpoint ? Json(peer.endpoint->to_string()) : Json();
  view["persistent_keepalive_s"] = peer.persistent_keepalive ? Json(peer.persistent_keepalive->count()) : Json();
  view["preshared_key"] = peer.preshared_key_file.has_value() || peer.preshared_key.is_set();
  view["tags"] = peer.facts.tags;
  view["enrolled"] = session_or_null(peer, backend);
  return view;
}

std::unique_ptr<BodySource> peers_view(const AdminBackend& backend, const RequestTime& time) {
  // By position, and looked up anew in each step: a reload between two steps may replace the configuration.
  return json_array([&backend, time, next = std::size_t{0}](const JsonEmit& emit) mutable {
    const auto& peers = backend.peers();
    for (unsigned i = 0; i < listed_peers_per_step && next < peers.size(); ++i)
      emit(peer_view(peers[next++], backend, time));
    return next < peers.size();
  });
}

std::unique_ptr<BodySource> sessions_view(const AdminBackend& backend, const RequestTime& time,
                                          std::optional<std::uint32_t> peer_id) {
  return json_array([&backend, time, peer_id, next = std::uint32_t{0}](const JsonEmit& emit) mutable {
    const abi::StatisticsView* statistics = backend.statistics();
    if (statistics == nullptr) return false;
    unsigned emitted = 0;
    for (unsigned i = 0; i < session_slots_per_step && next < statistics->max_sessions(); ++i) {
      const auto session = statistics->session(next++);
      if (!session || session->state == abi::SessionState::none || (peer_id && session->peer_id != *peer_id)) continue;
      emit(session_view(*session, backend, time));
      if (++emitted == listed_peers_per_step * 2) break;
    }
    return next < statistics->max_sessions();
  });
}

HttpResponse get_peers(const Call& call) {
  return stream(peers_view(call.backend, call.time));
}

HttpResponse get_peer(const Call& call) {
  const Peer* peer = find_peer(call.backend, call.name);
  return peer == nullptr ? unknown_peer(call.backend, call.name) : document(peer_view(*peer, call.backend, call.time));
}

HttpResponse post_forget_timestamp(const Call& call) {
  if (find_peer(call.backend, call.name) == nullptr) return unknown_peer(call.backend, call.name);
  const auto done = call.backend.forget_timestamp(call.name);
  if (!done) return failure(409, done.error());
  return document({{"peer", call.name}, {"forgotten", true}});
}

HttpResponse get_sessions(const Call& call) {
  std::optional<std::uint32_t> peer_id;
  if (const auto name = call.target.parameter("peer")) {
    peer_id = call.backend.peer_id(*name);
    if (!peer_id) return unknown_peer(call.backend, *name);
  }
  return stream(sessions_view(call.backend, call.time, peer_id));
}

}  // namespace

std::span<const Endpoint> peer_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"peers"}, get_peers, "every peer with its endpoint, traffic and sessions"},
      Endpoint{"GET", {"peers", "NAME"}, get_peer, "one peer"},
      Endpoint{"POST", {"peers", "NAME", "forget-timestamp"}, post_forget_timestamp, "accept older handshakes again"},
      Endpoint{"GET", {"sessions"}, get_sessions, "live WireGuard sessions; ?peer=NAME for those of one"},
  };
  return list;
}

}  // namespace sallyport::controlplane
