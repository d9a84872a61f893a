// The messages of WireguardService: what arrives, what the pool computes, what is sent.
#include <cstring>
#include <utility>

#include "controlplane/tunnels/session_rules.hpp"
#include "controlplane/tunnels/wireguard_service.hpp"

namespace sallyport::controlplane {

using wireguard::Actions;
using wireguard::Bytes;
using wireguard::HandshakeError;
using wireguard::LocalIndex;

namespace {

// DSCP AF41, as the Linux kernel marks its handshake messages.
constexpr std::uint8_t handshake_tos = 0x88;

// From this try on the configured endpoint and the one where the peer was last are called in turn.
constexpr unsigned take_turns_from_try = 3;

// Errors that honest peers cause every day by bad timing: counted, not logged.
bool is_routine(HandshakeError error) {
  return error == HandshakeError::superseded || error == HandshakeError::no_pending_handshake ||
         error == HandshakeError::unsolicited_cookie || error == HandshakeError::busy || error == HandshakeError::flood;
}

}  // namespace

bool WireguardService::is_usable(const IpEndpoint& endpoint) noexcept {
  return endpoint.is_set() && endpoint.valid() && endpoint.port != 0 && !endpoint.address.is_multicast() &&
         !endpoint.address.is_unspecified();
}

// ---- what arrives ----

void WireguardService::on_packet(const abi::PacketUp& packet, bool proven) {
  const Tunnel* tunnel = find_tunnel(packet.tunnel_id);
  const bool local_is_usable = !packet.local.is_set() || is_usable(packet.local);
  if (!connected_ || tunnel == nullptr || packet.version != abi::version ||
      packet.length_bytes > abi::packet_slot_data_bytes || !is_usable(packet.remote) || !local_is_usable) {
    ++counters_.malformed_packets;
    return;
  }
  const Origin origin{tunnel->settings.identity, packet.remote,    packet.local,
                      packet.received_at_ns,     packet.tunnel_id, packet.port_index};
  const Bytes message(packet.data.data(), packet.length_bytes);
  const WorkClass work_class = proven ? WorkClass::proven : WorkClass::unproven;
  const auto type = wireguard::peek_type(message);
  if (!type) return refuse(type.error(), origin, nullptr);
  switch (*type) {
    case wireguard::MessageType::handshake_initiation:
      return on_initiation(origin, message, work_class);
    case wireguard::MessageType::handshake_response:
      return on_response(origin, message, work_class);
    case wireguard::MessageType::cookie_reply:
      return on_cookie(origin, message);
  }
}

void WireguardService::on_initiation(const Origin& origin, Bytes message, WorkClass work_class) {
  const auto parsed = wireguard::parse_initiation(message);
  if (!parsed) return refuse(parsed.error(), origin, nullptr);
  auto task = make_task([job = wireguard::IdentifyInitiatorJob{origin.identity, *parsed}] { return job.run(); },
                        [this, origin](auto identified) { on_identified(origin, std::move(identified)); });
  if (!pool_.submit(work_class, std::move(task))) ++counters_.queue_full;
}

void WireguardService::on_identified(const Origin& origin,
                                     tl::expected<wireguard::IdentifiedInitiation, HandshakeError> identified) {
  if (!identified) return refuse(identified.error(), origin, nullptr);
  const Tunnel* tunnel = find_tunnel(origin.tunnel_id);
  if (!connected_ || tunnel == nullptr || tunnel->settings.identity != origin.identity)
    return refuse(HandshakeError::superseded, origin, nullptr);
  const auto id = tunnel->peers.find(identified->initiator());
  if (id == tunnel->peers.end()) return refuse(HandshakeError::unknown_peer, origin, nullptr, &identified->initiator());
  Peer& peer = *peers_.at(id->second);
  PeerKeyState* key = find_key(peer, identified->initiator());
  if (key == nullptr) return refuse(HandshakeError::unknown_peer, origin, nullptr);
  if (!pool_.has_room(WorkClass::begun)) {
    ++counters_.queue_full;
    return;
  }
  auto job = key->handshake.accept_initiation(std::move(*identified), clock_());
  if (!job) return refuse(job.error(), origin, &peer);
  outputs_.timestamp_accepted({tunnel->settings.identity->public_key, key->public_key()},
                              *key->handshake.greatest_timestamp());
  pool_.submit(WorkClass::begun,
               make_task([job = std::move(*job)]() mutable { return std::move(job).run(); },
                         [this, origin, reference = reference_to(*key)](wireguard::ResponseCreated result) {
                           PeerKeyState* answered = find(reference);
                           if (answered == nullptr) return;
                           auto actions = answered->handshake.on_response_created(std::move(result), clock_());
                           perform_or_refuse(*answered, origin, std::move(actions));
                         }));
}

WireguardService::PeerKeyState* WireguardService::find_pending(std::uint32_t receiver_index, std::uint16_t tunnel_id) {
  const auto owner = indices_.find(LocalIndex{receiver_index});
  Peer* peer = owner ? find(owner->peer_id) : nullptr;
  return peer != nullptr && peer->settings.tunnel_id == tunnel_id ? find_key(*peer, owner->key) : nullptr;
}

void WireguardService::on_response(const Origin& origin, Bytes message, WorkClass work_class) {
  const auto parsed = wireguard::parse_response(message);
  if (!parsed) return refuse(parsed.error(), origin, nullptr);
  PeerKeyState* key = find_pending(parsed->receiver_index, origin.tunnel_id);
  if (key == nullptr) return refuse(HandshakeError::no_pending_handshake, origin, nullptr);
  if (!pool_.has_room(work_class)) {
    ++counters_.queue_full;
    return;
  }
  auto job = key->handshake.accept_response(*parsed);
  if (!job) return refuse(job.error(), origin, &key->peer);
  pool_.submit(work_class,
               make_task([job = std::move(*job)] { return job.run(); },
                         [this, origin, reference = reference_to(*key)](wireguard::ResponseConsumed result) {
                           PeerKeyState* answering = find(reference);
                           if (answering == nullptr) return;
                           auto actions = answering->handshake.on_response_consumed(std::move(result), clock_());
                           perform_or_refuse(*answering, origin, std::move(actions));
                         }));
}

void WireguardService::on_cookie(const Origin& origin, Bytes message) {
  const auto parsed = wireguard::parse_cookie_reply(message);
  if (!parsed) return refuse(parsed.error(), origin, nullptr);
  PeerKeyState* key = find_pending(parsed->receiver_index, origin.tunnel_id);
  if (key == nullptr) return refuse(HandshakeError::unsolicited_cookie, origin, nullptr);
  const auto taken = key->handshake.on_cookie_reply(*parsed, clock_());
  if (!taken) return refuse(taken.error(), origin, &key->peer);
  ++counters_.cookies_received;
}

// ---- what follows ----

void WireguardService::perform_or_refuse(PeerKeyState& key, const Origin& origin,
                                         tl::expected<Actions, HandshakeError> actions) {
  if (!actions) {
    refuse(actions.error(), origin, &key.peer);
    reschedule(key.peer);
    return;
  }
  perform(key, std::move(*actions), &origin);
}

// `origin` is the message that led here, if one did.
void WireguardService::perform(PeerKeyState& key, Actions actions, const Origin* origin) {
  Peer& peer = key.peer;
  reschedule(peer);
  std::uint64_t after_sequence = 0;
  std::optional<LocalIndex> to_confirm;
  if (actions.install && origin != nullptr) {
    if (actions.install->role == wireguard::Role::responder) to_confirm = actions.install->local_index;
    const auto sequence = install(key, std::move(*actions.install), *origin);
    if (!sequence) return;  // without the session the answer would only mislead the peer
    after_sequence = *sequence;
  }
  const bool sent = actions.send && send(key, *actions.send, origin, after_sequence);
  if (sent && to_confirm) answered(peer, *origin, *to_confirm);
  if (actions.create_initiation) {
    auto task = make_task([job = std::move(*actions.create_initiation)]() mutable { return std::move(job).run(); },
                          [this, reference = reference_to(key)](wireguard::InitiationCreated result) {
                            PeerKeyState* caller = find(reference);
                            if (caller == nullptr) return;
                            auto created = caller->handshake.on_initiation_created(std::move(result), clock_());
                            if (created)
                              perform(*caller, std::move(*created), nullptr);
                            else
                              ++counters_.refused[static_cast<std::size_t>(created.error())];
                          });
    if (!pool_.submit(WorkClass::begun, std::move(task))) ++counters_.queue_full;  // its timer tries again
  }
  if (actions.reresolve_endpoint && peer.settings.has_endpoint_name) outputs_.reresolve_endpoint(peer.settings.peer_id);
  if (actions.gave_up) {
    ++counters_.gave_up;
    log_info("handshake given up", {{"peer", peer.settings.name}, {"tries", actions.gave_up->tries}});
  }
}

std::optional<std::uint64_t> WireguardService::install(PeerKeyState& key, wireguard::InstallSession session,
                                                       const Origin& origin) {
  Peer& peer = key.peer;
  const bool initiator = session.role == wireguard::Role::initiator;
  const std::uint64_t now = now_ns();
  abi::InstallSession message{};
  message.index = static_cast<std::uint32_t>(session.local_index);
  message.remote_index = static_cast<std::uint32_t>(session.remote_index);
  message.session_id = next_session_id();
  message.peer_id = peer.settings.peer_id;
  message.role = initiator ? abi::HandshakeRole::initiator : abi::HandshakeRole::responder;
  message.port_index = origin.port_index;
  message.cipher = abi::SessionCipher::chacha20_poly1305;
  message.created_at_ns = now;
  message.rules = wireguard_rules(message.role);
  message.endpoint = origin.remote;
  message.local = origin.local;
  // A replay comes from wherever its sender is.
  message.endpoint_seen_at_ns = session.unproven ? 0 : origin.received_at_ns;
  // What the dataplane remembers is the history of the present key.
  if (session.greatest_timestamp && &key == peer.present.get())
    message.wireguard.timestamp = session.greatest_timestamp->value.bytes;
  std::memcpy(message.open_key.data(), session.keys.open.expose().data(), message.open_key.size());
  std::memcpy(message.seal_key.data(), session.keys.seal.expose().data(), message.seal_key.size());
  const auto sequence = outputs_.install_session(message);
  const std::uint64_t session_id = message.session_id;
  explicit_bzero(&message, sizeof message);
  if (!sequence) {
    ++counters_.installs_not_sent;
    indices_.release(session.local_index);
    return std::nullopt;
  }
  indices_.installed(session.local_index, session_id, now);
  peer.sessions.push_back(session.local_index);
  peer.last_completed = key.number;
  if (!session.unproven || !is_usable(peer.known_endpoint)) learn_endpoint(peer, origin.remote, origin.local);
  peer.last_active_ns = now;
  peer.has_another_address = false;
  // It carries data at once: the peer needs none of its other key.
  PeerKeyState* other = &key == peer.present.get() ? peer.former.get() : peer.present.get();
  if (initiator && other != nullptr) {
    other->handshake.on_session_confirmed(clock_());
    reschedule(peer);
  }
  // The response was authentic, with the preshared key mixed in. Who answers knows nothing of the peer's keys yet.
  if (initiator) completed(peer, session.role, session.local_index);
  return sequence;
}

void WireguardService::answered(Peer& peer, const Origin& origin, LocalIndex index) {
  Unconfirmed& unconfirmed = peer.unconfirmed;
  ++unconfirmed.times;
  unconfirmed.last_at_ns = now_ns();
  unconfirmed.last_index = index;
  unconfirmed.from = origin.remote;
  unconfirmed_.insert(peer.settings.peer_id);
  log_info("handshake answered", {{"peer", peer.settings.name},
                                  {"endpoint", origin.remote.to_string()},
                                  {"index", hex(static_cast<std::uint32_t>(index))}});
  if (unconfirmed.times == unconfirmed_answers_tolerated + 1)
    log_warning(
        "handshakes are not confirmed",
        {{"peer", peer.settings.name}, {"endpoint", origin.remote.to_string()}, {"answered", unconfirmed.times}});
}

void WireguardService::completed(Peer& peer, wireguard::Role role, LocalIndex index) {
  const bool initiator = role == wireguard::Role::initiator;
  peer.unconfirmed = {};
  unconfirmed_.erase(peer.settings.peer_id);
  ++(initiator ? counters_.completed_as_initiator : counters_.completed_as_responder);
  log_info("handshake completed", {{"peer", peer.settings.name},
                                   {"endpoint", peer.known_endpoint.to_string()},
                                   {"role", initiator ? "initiator" : "responder"},
                                   {"index", hex(static_cast<std::uint32_t>(index))}});
}

bool WireguardService::send(const PeerKeyState& key, const wireguard::OutgoingMessage& message, const Origin* origin,
                            std::uint64_t after_sequence) {
  const Peer& peer = key.peer;
  const bool answers = message.destination == wireguard::Destination::initiation_source && origin != nullptr;
  const auto target =
      answers ? std::optional(Target{origin->remote, origin->local}) : target_of(peer, key.handshake.tries());
  if (!target) {
    ++counters_.without_endpoint;
    return false;
  }
  abi::PacketDown packet{};
  packet.version = abi::version;
  packet.length_bytes = static_cast<std::uint16_t>(message.size);
  packet.tunnel_id = peer.settings.tunnel_id;
  packet.tos = handshake_tos;
  packet.after_sequence = after_sequence;
  packet.remote = target->remote;
  if (target->local.address.family == target->remote.address.family) packet.local = target->local;
  std::memcpy(packet.data.data(), message.view().data(), message.size);
  if (!outputs_.send_packet(packet)) {
    ++counters_.packets_not_sent;
    return false;
  }
  ++(answers ? counters_.responses_sent : counters_.initiations_sent);
  return true;
}

// Where the dataplane sends to; else where the peer was last; else where the configuration says. When that does not
// answer and the configuration says something else, both in turn; where a name gave another address meanwhile, that
// one.
std::optional<WireguardService::Target> WireguardService::target_of(const Peer& peer, unsigned tries) const {
  const IpEndpoint& configured = peer.settings.endpoint;
  Target known{peer.known_endpoint, peer.known_local};
  if (const auto status = outputs_.peer_status(peer.settings.peer_id);
      status && status->live != 0 && peer.has_key(status->key) && is_usable(status->endpoint)) {
    known = {status->endpoint, {}};
    if (is_usable(status->local) && status->local.address.family == status->endpoint.address.family)
      known.local = status->local;
  }
  const bool take_turns = peer.has_another_address || (tries >= take_turns_from_try && tries % 2 == 1);
  if (is_usable(configured) && (!is_usable(known.remote) || (take_turns && configured != known.remote)))
    return Target{configured, {}};
  if (!is_usable(known.remote)) return std::nullopt;
  return known;
}

void WireguardService::refuse(HandshakeError error, const Origin& origin, const Peer* peer, const PublicKey* claimed) {
  ++counters_.refused[static_cast<std::size_t>(error)];
  if (is_routine(error) || !refusal_log_.admit(now_ns())) return;
  if (claimed != nullptr) {
    // Public, and what an operator needs who forgot to configure it: quoted as a configuration has it.
    return log_warning("handshake refused", {{"reason", wireguard::name_of(error)},
                                             {"endpoint", origin.remote.to_string()},
                                             {"public_key", encode_key(*claimed)},
                                             {"why", wireguard::explain(error)},
                                             {"suppressed", refusal_log_.take_suppressed()}});
  }
  log_warning("handshake refused", {{"reason", wireguard::name_of(error)},
                                    {"endpoint", origin.remote.to_string()},
                                    {"peer", peer != nullptr ? peer->settings.name : std::string("unknown")},
                                    {"why", wireguard::explain(error)},
                                    {"suppressed", refusal_log_.take_suppressed()}});
}

// Never reused by this control plane or the next one: sessions do not survive a boot, and within one this clock only
// goes forward.
std::uint64_t WireguardService::next_session_id() {
  last_session_id_ = std::max(last_session_id_ + 1, now_ns());
  return last_session_id_;
}

}  // namespace sallyport::controlplane
