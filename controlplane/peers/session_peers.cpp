#include "controlplane/peers/session_peers.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "config/base/clock.hpp"
#include "controlplane/enrolment/session_peer.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {
namespace {

// Whether it lies in the pool: then no session may have it. A shorter prefix only covers the pool, and longer ones win.
bool takes_from(const std::vector<IpPrefix>& pool, const IpPrefix& prefix) {
  return std::any_of(pool.begin(), pool.end(), [&](const IpPrefix& of_pool) { return of_pool.contains(prefix); });
}

std::vector<IpPrefix> prefixes_of(const config::Config& configuration, const std::string& pool) {
  for (const config::Pool& one : configuration.pools)
    if (one.name == pool) return one.prefixes;
  return {};
}

// Of what a peer is made of.
bool same_peer(const EnrolledSession& a, EnrolledSession b) {
  b.client_view = a.client_view;
  b.claims_at = a.claims_at;
  return a == b;
}

}  // namespace

SessionPeers::SessionPeers(boost::asio::io_context& loop, const config::Config& configuration,
                           EnrolmentService& enrolment, Peers& peers, const BarredPeers& barred, StateKeeper& state,
                           DataplaneAccess& dataplane)
    : configuration_(configuration),
      enrolment_(enrolment),
      peers_(peers),
      barred_(barred),
      state_(state),
      dataplane_(dataplane),
      timer_(loop, [this] { expire(); }) {}

// ---- settings ----

std::optional<EnrolmentService::Settings> SessionPeers::settings() const {
  if (!configuration_.enrolment) return std::nullopt;
  const config::Enrolment& enrolment = *configuration_.enrolment;
  const auto tunnel = std::ranges::find(configuration_.wireguards, enrolment.wireguard, &config::Wireguard::name);
  const auto identity = peers_.keys().tunnels.find(enrolment.wireguard);
  if (tunnel == configuration_.wireguards.end() || identity == peers_.keys().tunnels.end()) return std::nullopt;
  EnrolmentService::Settings settings;
  settings.wireguard = enrolment.wireguard;
  settings.gateway_key = identity->second->public_key;
  settings.endpoint = enrolment.endpoint
                          ? enrolment.endpoint->to_string()
                          : IpEndpoint{.address = enrolment.listen.address, .port = tunnel->listen_port}.to_string();
  settings.mtu = tunnel->mtu;
  settings.dns = enrolment.dns;
  settings.routes = enrolment.routes;
  settings.pool = enrolment.pool;
  settings.pool_prefixes = prefixes_of(configuration_, enrolment.pool);
  settings.sessions_per_identity = enrolment.sessions_per_identity;
  settings.max_session = enrolment.max_session;
  const auto reserve = [&](const IpPrefix& prefix) {
    if (takes_from(settings.pool_prefixes, prefix)) settings.reserved.push_back(prefix.network());
  };
  for (const config::Wireguard& one : configuration_.wireguards)
    for (const IpPrefix& address : one.addresses) reserve(IpPrefix::host(address.address));
  for (const config::Port& port : configuration_.ports)
    for (const IpPrefix& address : port.addresses) reserve(IpPrefix::host(address.address));
  for (const Peer& peer : peers_.all())
    if (enrolment_.by_peer_name(peer.name) == nullptr)
      for (const IpPrefix& prefix : peer.prefixes) reserve(prefix);
  return settings;
}

void SessionPeers::configure() {
  EnrolmentService::Effects effects;
  enrolment_.configure(settings(), wall_seconds(), effects);
  apply(std::move(effects));
}

void SessionPeers::restore(const Records& records) {
  configure();
  EnrolmentService::Effects effects;
  for (const std::string& problem : enrolment_.restore(records, wall_seconds(), effects))
    log_error("state of enrolment left out", {{"why", problem}});
  if (!records.empty()) log_info("sessions restored", {{"sessions", enrolment_.sessions().size()}});
  apply(std::move(effects));
}

// ---- reload ----

void SessionPeers::add_to(std::vector<Peer>& peers, GatewayKeys& keys, const config::Config& next) const {
  if (!next.enrolment) return;
  std::set<PublicKey> taken;
  for (const Peer& peer : peers) taken.insert(peer.public_key);
  for (const auto& [id, session] : enrolment_.sessions()) {
    if (session.wireguard != next.enrolment->wireguard || taken.contains(session.public_key)) continue;
    if (peers.size() >= next.dataplane.max_peers) break;
    Peer peer = peer_of_session(session);
    auto made = load_peer_keys(peer, keys, peers_.keys());
    if (!made) continue;
    keys.peers[peer.name] = std::move(*made);
    if (session.former_key) add_former_key(peer, *session.former_key, keys, peers_.keys());
    peers.push_back(std::move(peer));
  }
}

void SessionPeers::reconfigure() {
  configure();
  end_displaced();
}

// Sessions that a reload left without their place.
void SessionPeers::end_displaced() {
  EnrolmentService::Effects effects;
  for (const Peer& peer : peers_.all())
    if (enrolment_.by_peer_name(peer.name) == nullptr)
      enrolment_.make_way(peer.public_key, {}, wall_seconds(), effects);
  std::vector<std::string> without_peer;
  for (const auto& [id, session] : enrolment_.sessions())
    if (peers_.directory().by_name(peer_name_of(id)) == nullptr) without_peer.push_back(id);
  for (const std::string& id : without_peer)
    enrolment_.end(id, "it has no place in the configuration", wall_seconds(), effects);
  apply(std::move(effects));
}

void SessionPeers::make_way(const Peer& peer) {
  if (!enrolment_.settings()) return;
  EnrolmentService::Effects effects;
  enrolment_.make_way(peer.public_key, peer.prefixes, wall_seconds(), effects);
  std::vector<IpPrefix> reserved;
  for (const IpPrefix& prefix : peer.prefixes)
    if (takes_from(enrolment_.settings()->pool_prefixes, prefix)) reserved.push_back(prefix);
  if (!reserved.empty()) {
    auto settings = *enrolment_.settings();
    settings.reserved.insert(settings.reserved.end(), reserved.begin(), reserved.end());
    enrolment_.configure(std::move(settings), wall_seconds(), effects);
  }
  apply(std::move(effects));
}

// ---- effects ----

void SessionPeers::apply(EnrolmentService::Effects effects) {
  for (const EnrolmentService::Effects::Change& effect : effects.sessions) {
    if (!effect.after) {
      end(*effect.before, effect.why);
    } else if (!effect.before) {
      begin(*effect.after);
    } else if (!same_peer(*effect.before, *effect.after)) {
      change(*effect.before, *effect.after);
    }
  }
  for (auto& [key, document] : effects.to_store) state_.pending().set.enrolment[key] = std::move(document);
  if (effects.sessions.empty()) return;
  arm();
  dataplane_.request_flush();
}

void SessionPeers::begin(const EnrolledSession& session) {
  const Peer peer = peer_of_session(session);
  if (auto begun = peers_.begin(peer, session.former_key); !begun)
    log_error("session without keys", {{"peer", peer.name}, {"why", begun.error()}});
}

void SessionPeers::change(const EnrolledSession& before, const EnrolledSession& after) {
  const Peer peer = peer_of_session(after);
  if (peers_.directory().by_name(peer.name) == nullptr) return;
  const bool same_key = before.public_key == after.public_key && before.former_key == after.former_key;
  const bool same_preshared_key =
      before.preshared_key == after.preshared_key && before.former_preshared_key == after.former_preshared_key;
  if (same_key && same_preshared_key) return peers_.change_facts(peer);
  if (auto begun = peers_.begin(peer, after.former_key); !begun)
    return log_error("session without keys", {{"peer", peer.name}, {"why", begun.error()}});
  if (same_key) return;
  log_info("session key changed", {{"peer", peer.name},
                                   {"identity", after.identity},
                                   {"event", after.former_key ? "new key" : "former key has ended"}});
}

void SessionPeers::end(const EnrolledSession& session, const std::string& why) {
  if (log_.admit(boottime_ns()))
    log_info("session ended", {{"peer", peer_name_of(session.id)},
                               {"identity", session.identity},
                               {"why", why},
                               {"suppressed", log_.take_suppressed()}});
  if (const Peer* peer = peers_.directory().by_name(peer_name_of(session.id))) peers_.end(*peer);
}

// ---- time ----

void SessionPeers::arm() {
  const auto next = enrolment_.next_expiry();
  if (!next) return timer_.cancel();
  // The wall clock may be set meanwhile: never longer than a tick.
  const auto wait = std::chrono::time_point_cast<std::chrono::nanoseconds>(*next) - wall_now();
  timer_.fire_after(std::clamp<std::chrono::nanoseconds>(wait, std::chrono::milliseconds(1), std::chrono::seconds(1)));
}

void SessionPeers::expire() {
  EnrolmentService::Effects effects;
  enrolment_.expire(wall_seconds(), effects);
  apply(std::move(effects));
  arm();
}

std::optional<ProofRefusal> SessionPeers::check_key(const PublicKey& key) const {
  if (!configuration_.enrolment) return ProofRefusal::bad_public_key;
  Peer peer;
  peer.interface = configuration_.enrolment->wireguard;
  peer.public_key = key;
  if (barred_.has_key(key) || peers_.directory().by_key(peer.interface, key) != nullptr)
    return ProofRefusal::key_is_anothers;
  if (!load_peer_keys(peer, peers_.keys(), {})) return ProofRefusal::bad_public_key;
  return std::nullopt;
}

}  // namespace sallyport::controlplane
