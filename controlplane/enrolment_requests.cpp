// Enrolment in the control plane: what clients and operators ask becomes peers, and is written before it is answered.
#include <algorithm>
#include <mutex>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/control_plane.hpp"
#include "controlplane/enrolment/session_facts.hpp"
#include "controlplane/enrolment/tls_files.hpp"
#include "controlplane/identity/static_identity.hpp"
#include "controlplane/peers/gateway_objects.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {
namespace {

policy::TimePoint wall_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// Whether it lies in the pool: then no session may have it. A shorter prefix only covers the pool, and longer ones win.
bool takes_from(const std::vector<IpPrefix>& pool, const IpPrefix& prefix) {
  return std::any_of(pool.begin(), pool.end(), [&](const IpPrefix& of_pool) { return of_pool.contains(prefix); });
}

const std::vector<IpPrefix>& prefixes_of(const config::Config& configuration, const std::string& pool) {
  static const std::vector<IpPrefix> none;
  for (const config::Pool& one : configuration.pools)
    if (one.name == pool) return one.prefixes;
  return none;
}

// Of what a peer is made of.
bool same_peer(const EnrolledSession& a, EnrolledSession b) {
  b.client_view = a.client_view;
  b.claims_at = a.claims_at;
  return a == b;
}

constexpr std::uint16_t first_free_port = 1024;

std::string why_of(const EnrolmentRefusal& refusal) {
  if (const auto* refused = std::get_if<RefusedProof>(&refusal)) return std::string(name_of(refused->reason));
  return std::string(name_of(std::get<EnrolmentFailure>(refusal)));
}

}  // namespace

// ---- settings ----

std::optional<EnrolmentService::Settings> ControlPlane::enrolment_settings() const {
  if (!config_.enrolment) return std::nullopt;
  const config::Enrolment& enrolment = *config_.enrolment;
  const auto tunnel = std::find_if(config_.wireguards.begin(), config_.wireguards.end(),
                                   [&](const auto& one) { return one.name == enrolment.wireguard; });
  const auto identity = keys_.tunnels.find(enrolment.wireguard);
  if (tunnel == config_.wireguards.end() || identity == keys_.tunnels.end()) return std::nullopt;
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
  settings.pool_prefixes = prefixes_of(config_, enrolment.pool);
  settings.sessions_per_identity = enrolment.sessions_per_identity;
  settings.max_session = enrolment.max_session;
  const auto reserve = [&](const IpPrefix& prefix) {
    if (takes_from(settings.pool_prefixes, prefix)) settings.reserved.push_back(prefix.network());
  };
  for (const config::Wireguard& one : config_.wireguards)
    for (const IpPrefix& address : one.addresses) reserve(IpPrefix::host(address.address));
  for (const config::Port& port : config_.ports)
    for (const IpPrefix& address : port.addresses) reserve(IpPrefix::host(address.address));
  for (const config::Peer& peer : config_.peers)
    if (enrolment_.by_peer_name(peer.name) == nullptr)
      for (const IpPrefix& prefix : peer.allowed_ips) reserve(prefix);
  return settings;
}

void ControlPlane::configure_enrolment() {
  EnrolmentService::Effects effects;
  enrolment_.configure(enrolment_settings(), wall_seconds(), effects);
  apply_effects(std::move(effects));
}

// After the store is open and peers.d is read, before the policy is: sessions are peers like the others.
void ControlPlane::restore_enrolment() {
  configure_enrolment();
  EnrolmentService::Effects effects;
  for (const std::string& problem : enrolment_.restore(stored_.enrolment, wall_seconds(), effects))
    log_error("state of enrolment left out", {{"why", problem}});
  if (!stored_.enrolment.empty()) log_info("sessions restored", {{"sessions", enrolment_.sessions().size()}});
  stored_.enrolment.clear();
  barred_peers_ = take_revoked_peers(config_);
  directory_.rebuild(config_.peers);
  apply_effects(std::move(effects));
}

// A configured peer that is revoked is out, as if it were not configured, until the revocation is taken back.
bool ControlPlane::is_revoked(const config::Peer& peer) const {
  const RevocationList& revoked = enrolment_.revocations();
  return revoked.contains(peer.public_key) ||
         (peer.identity && revoked.contains(RevocationKind::identity, *peer.identity));
}

ControlPlane::BarredPeers ControlPlane::take_revoked_peers(config::Config& configuration) const {
  BarredPeers barred;
  std::erase_if(configuration.peers, [&](const config::Peer& peer) {
    if (!is_revoked(peer)) return false;
    log_warning("configured peer is revoked", {{"peer", peer.name}, {"identity", peer.identity.value_or("")}});
    barred[peer.name] = peer;
    return true;
  });
  return barred;
}

// Sessions go on over a reload, as peers of the next configuration. Those that do not fit it end afterwards.
void ControlPlane::add_sessions(config::Config& next, GatewayKeys& keys) const {
  if (!next.enrolment) return;
  std::set<PublicKey> taken;
  for (const config::Peer& peer : next.peers) taken.insert(peer.public_key);
  for (const auto& [id, session] : enrolment_.sessions()) {
    if (session.wireguard != next.enrolment->wireguard || taken.contains(session.public_key)) continue;
    if (next.peers.size() >= next.dataplane.max_peers) break;
    config::Peer peer = peer_of_session(session);
    auto made = load_peer_keys(peer, keys, keys_);
    if (!made) continue;
    keys.peers[peer.name] = std::move(*made);
    if (session.former_key) add_former_key(session, keys, keys_);
    next.peers.push_back(std::move(peer));
  }
}

void ControlPlane::add_former_key(const EnrolledSession& session, GatewayKeys& keys, const GatewayKeys& before) {
  config::Peer former = peer_of_session(session);
  former.public_key = *session.former_key;
  const auto known = before.peers.find(former.name);
  if (known != before.peers.end() && known->second->public_key == former.public_key) {
    keys.former_peers[former.name] = known->second;
  } else if (auto made = load_peer_keys(former, keys, before)) {
    keys.former_peers[former.name] = std::move(*made);
  }
}

// Before a configured peer begins: what it says is its own.
void ControlPlane::make_way(const config::Peer& peer) {
  if (!enrolment_.settings()) return;
  EnrolmentService::Effects effects;
  enrolment_.make_way(peer.public_key, peer.allowed_ips, wall_seconds(), effects);
  const auto& pool = enrolment_.settings()->pool_prefixes;
  if (std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(),
                  [&](const IpPrefix& prefix) { return takes_from(pool, prefix); })) {
    auto settings = enrolment_.settings();
    for (const IpPrefix& prefix : peer.allowed_ips)
      if (takes_from(pool, prefix)) settings->reserved.push_back(prefix);
    enrolment_.configure(std::move(settings), wall_seconds(), effects);
  }
  apply_effects(std::move(effects));
}

// Sessions that a reload left without their place.
void ControlPlane::end_displaced_sessions() {
  EnrolmentService::Effects effects;
  for (const config::Peer& peer : config_.peers)
    if (enrolment_.by_peer_name(peer.name) == nullptr)
      enrolment_.make_way(peer.public_key, {}, wall_seconds(), effects);
  std::vector<std::string> without_peer;
  for (const auto& [id, session] : enrolment_.sessions())
    if (directory_.by_name(peer_name_of(id)) == nullptr) without_peer.push_back(id);
  for (const std::string& id : without_peer)
    enrolment_.end(id, "it has no place in the configuration", wall_seconds(), effects);
  apply_effects(std::move(effects));
}

// ---- effects ----

void ControlPlane::apply_effects(EnrolmentService::Effects effects) {
  for (const EnrolmentService::Effects::Change& change : effects.sessions) {
    if (!change.after) {
      end_session_peer(*change.before, change.why);
    } else if (!change.before) {
      begin_session_peer(*change.after);
    } else if (!same_peer(*change.before, *change.after)) {
      change_session_peer(*change.before, *change.after);
    }
  }
  for (auto& [key, document] : effects.to_store) dirty_.set.enrolment[key] = std::move(document);
  if (!effects.sessions.empty()) {
    arm_expiry();
    request_flush();
  }
}

void ControlPlane::begin_session_peer(const EnrolledSession& session) {
  const config::Peer peer = peer_of_session(session);
  auto made = load_peer_keys(peer, keys_, keys_);
  if (!made) return log_error("session without keys", {{"peer", peer.name}, {"why", made.error()}});
  keys_.peers[peer.name] = std::move(*made);
  if (session.former_key) add_former_key(session, keys_, keys_);
  begin_peer(peer);
}

void ControlPlane::change_session_peer(const EnrolledSession& before, const EnrolledSession& after) {
  const config::Peer peer = peer_of_session(after);
  const config::Peer* known = directory_.by_name(peer.name);
  if (known == nullptr) return;
  if (before.public_key == after.public_key && before.former_key == after.former_key) {
    const config::Peer& replaced = directory_.replace(peer);
    return policy_.set_peer(replaced, known_id(replaced), instant_now());
  }
  const GatewayKeys old = {keys_.tunnels, {{peer.name, keys_.peers[peer.name]}}, {}};
  keys_.former_peers.erase(peer.name);
  if (after.former_key) add_former_key(after, keys_, old);
  if (before.public_key != after.public_key) {
    auto made = load_peer_keys(peer, keys_, old);
    if (!made) return log_error("session without keys", {{"peer", peer.name}, {"why", made.error()}});
    keys_.peers[peer.name] = std::move(*made);
    if (settings_applied_) ids_.rename(peer_of_session(before), peer);
  }
  begin_peer(peer);
  log_info("session key changed", {{"peer", peer.name},
                                   {"identity", after.identity},
                                   {"event", after.former_key ? "new key" : "former key has ended"}});
}

void ControlPlane::end_session_peer(const EnrolledSession& session, const std::string& why) {
  if (enrolment_log_.admit(boottime_ns()))
    log_info("session ended", {{"peer", peer_name_of(session.id)},
                               {"identity", session.identity},
                               {"why", why},
                               {"suppressed", enrolment_log_.take_suppressed()}});
  if (const config::Peer* peer = directory_.by_name(peer_name_of(session.id))) end_peer(config::Peer(*peer));
}

void ControlPlane::arm_expiry() {
  const auto next = enrolment_.next_expiry();
  if (!next) return expiry_timer_.cancel();
  // The wall clock may be set meanwhile: never longer than a tick.
  const auto wait = std::chrono::time_point_cast<std::chrono::nanoseconds>(*next) - wall_now();
  expiry_timer_.fire_after(
      std::clamp<std::chrono::nanoseconds>(wait, std::chrono::milliseconds(1), std::chrono::seconds(1)));
}

void ControlPlane::expire_sessions() {
  EnrolmentService::Effects effects;
  enrolment_.expire(wall_seconds(), effects);
  apply_effects(std::move(effects));
  arm_expiry();
}

std::optional<ProofRefusal> ControlPlane::check_enrolled_key(const PublicKey& key) const {
  if (!config_.enrolment) return ProofRefusal::bad_public_key;
  const auto barred = std::any_of(barred_peers_.begin(), barred_peers_.end(),
                                  [&](const auto& entry) { return entry.second.public_key == key; });
  if (barred || directory_.by_key(config_.enrolment->wireguard, key) != nullptr) return ProofRefusal::key_is_anothers;
  config::Peer peer;
  peer.wireguard = config_.enrolment->wireguard;
  peer.public_key = key;
  if (!load_peer_keys(peer, keys_, {})) return ProofRefusal::bad_public_key;
  return std::nullopt;
}

// ---- what clients ask ----

tl::expected<void, std::string> ControlPlane::bind_enrolment() {
  auto listener = listener_for(config_);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  enrolment_listener_ = std::move(*listener);
  return {};
}

// The socket is kept over every reload that keeps `listen`.
tl::expected<std::optional<TcpListener>, std::string> ControlPlane::listener_for(const config::Config& next) const {
  if (!next.enrolment) return std::nullopt;
  const IpEndpoint& wanted = next.enrolment->listen;
  if (enrolment_listener_ && enrolment_listener_->endpoint() == wanted) {
    auto same = enrolment_listener_->duplicate();
    if (!same) return tl::unexpected(std::move(same.error()));
    return std::move(*same);
  }
  auto listener = TcpListener::listen(wanted, TcpListener::Address::may_come_later);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  return std::move(*listener);
}

// Before a reload changes anything: where the API will listen. validate() saw its certificate.
std::optional<TcpListener> ControlPlane::prepare_enrolment(const config::Config& next,
                                                           std::vector<config::Error>& errors) const {
  if (!next.enrolment) return std::nullopt;
  const config::Enrolment& enrolment = *next.enrolment;
  auto listener = listener_for(next);
  if (listener) return std::move(*listener);
  const bool is_new = !config_.enrolment || config_.enrolment->listen != enrolment.listen;
  errors.push_back(
      {enrolment.location, listener.error() + (is_new && enrolment.listen.port < first_free_port
                                                   ? "; a port below 1024 needs a restart of the control plane"
                                                   : "")});
  return std::nullopt;
}

tl::expected<void, std::string> ControlPlane::start_enrolment_server() {
  if (!config_.enrolment) {
    enrolment_server_.reset();
    return {};
  }
  const config::Enrolment& enrolment = *config_.enrolment;
  const EnrolmentServer::Settings settings{.certificate_file = enrolment.certificate_file,
                                           .private_key_file = enrolment.private_key_file,
                                           .client_ca_files = enrolment.client_ca_files,
                                           .requests_per_s_of_source = static_cast<double>(enrolment.requests_per_s),
                                           .burst_of_source = static_cast<double>(enrolment.requests_per_s) * 5};
  if (!enrolment_listener_)
    if (auto bound = bind_enrolment(); !bound) return bound;
  const std::pair served{enrolment_listener_->endpoint(), settings};
  if (enrolment_server_ && served_ == served) return {};
  auto listener = enrolment_listener_->duplicate();
  if (!listener) return tl::unexpected(std::move(listener.error()));
  const auto on_loop = [this](auto work) { boost::asio::post(loop_, lifetime_.guard(std::move(work))); };
  auto server = std::make_unique<EnrolmentServer>(
      settings,
      [this, on_loop](EnrolmentRequest request, EnrolmentServer::Reply reply) {
        on_loop([this, request = std::move(request), reply = std::move(reply)] { on_enrolment(request, reply); });
      },
      [](const RefusedProof& refused, const IpAddress& source) { log_refused(refused, source); },
      [this, on_loop](const std::string& issuer) {
        on_loop([this, issuer] { trust_.refresh(issuer, wall_seconds()); });
      });
  server->set_trust(trust_.store());
  if (auto started = server->start(std::move(*listener)); !started) return started;
  enrolment_server_ = std::move(server);
  served_ = served;
  log_info("enrolment listens", {{"address", enrolment.listen.to_string()}, {"wireguard", enrolment.wireguard}});
  return {};
}

// Any thread.
void ControlPlane::log_refused(const RefusedProof& refused, const IpAddress& source) {
  static LogLimiter limiter(10, second_ns);
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!limiter.admit(boottime_ns())) return;
  log_warning("proof refused", {{"reason", name_of(refused.reason)},
                                {"issuer", refused.issuer},
                                {"detail", refused.detail},
                                {"source", source.is_set() ? source.to_string() : ""},
                                {"suppressed", limiter.take_suppressed()}});
}

void ControlPlane::log_enrolled(const Granted& granted) {
  if (!enrolment_log_.admit(boottime_ns())) return;
  const EnrolledSession* session = enrolment_.by_peer_name(peer_name_of(granted.session_id));
  log_info("session enrolled", {{"peer", peer_name_of(granted.session_id)},
                                {"identity", granted.identity},
                                {"addresses", granted.addresses.empty() ? "" : granted.addresses.front().to_string()},
                                {"expires_in_s", (granted.expires_at - wall_seconds()).count()},
                                {"source", session == nullptr ? "" : session->source},
                                {"suppressed", enrolment_log_.take_suppressed()}});
}

void ControlPlane::on_enrolment(const EnrolmentRequest& request, const EnrolmentServer::Reply& reply) {
  EnrolmentService::Effects effects;
  EnrolmentResult result = enrolment_.answer(request, wall_seconds(), effects);
  const bool to_store = !effects.to_store.empty();
  apply_effects(std::move(effects));
  if (!result) {
    const auto source = std::visit(
        [](const auto& one) {
          if constexpr (requires { one.source; })
            return one.source;
          else
            return IpAddress{};
        },
        request);
    if (const auto* refused = std::get_if<RefusedProof>(&result.error()))
      log_refused(*refused, source);
    else if (enrolment_log_.admit(boottime_ns()))
      log_warning("enrolment failed",
                  {{"why", why_of(result.error())}, {"suppressed", enrolment_log_.take_suppressed()}});
  }
  const auto* granted = result ? std::get_if<Granted>(&*result) : nullptr;
  if (granted != nullptr && std::holds_alternative<EnrollRequest>(request)) log_enrolled(*granted);
  if (!to_store || granted == nullptr) return reply(std::move(result));
  // A tunnel that a restart would forget is none: answered when it is on disk.
  const std::string id = granted->session_id;
  save([this, reply, result = std::move(result), id](bool stored) {
    if (stored) return reply(result);
    EnrolmentService::Effects undone;
    enrolment_.end(id, "it could not be stored", wall_seconds(), undone);
    apply_effects(std::move(undone));
    enrolment_.count(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::not_stored)));
    reply(tl::unexpected(EnrolmentRefusal(EnrolmentFailure::not_stored)));
  });
}

// ---- what operators ask ----

std::vector<EnrolledSession> ControlPlane::enrolled_sessions() const {
  std::vector<EnrolledSession> list;
  list.reserve(enrolment_.sessions().size());
  for (const auto& [id, session] : enrolment_.sessions()) list.push_back(session);
  return list;
}

bool ControlPlane::end_session(const std::string& id, std::string_view by) {
  EnrolmentService::Effects effects;
  const bool ended = enrolment_.end(id, "ended by " + std::string(by), wall_seconds(), effects);
  apply_effects(std::move(effects));
  save();
  return ended;
}

tl::expected<void, std::string> ControlPlane::revoke(RevocationKind kind, const std::string& value,
                                                     const std::string& reason, std::string_view by, OnRevoked done) {
  Revocation revocation{kind, value, wall_seconds(), std::string(by), reason};
  EnrolmentService::Effects effects;
  const auto ended = enrolment_.revoke(revocation, wall_seconds(), effects);
  if (!ended) return tl::unexpected(ended.error());
  apply_effects(std::move(effects));
  std::vector<config::Peer> barred;
  for (const config::Peer& peer : config_.peers)
    if (is_revoked(peer)) barred.push_back(peer);
  for (const config::Peer& peer : barred) {
    end_peer(peer);
    barred_peers_[peer.name] = peer;
  }
  flush();
  log_warning("revoked", {{"kind", name_of(revocation.kind)},
                          {"value", revocation.value},
                          {"by", by},
                          {"reason", reason},
                          {"sessions_ended", *ended},
                          {"peers_ended", barred.size()}});
  save([done = std::move(done), revoked = Revoked{revocation, *ended, barred.size(), true}](bool stored) mutable {
    revoked.stored = stored;
    done(revoked);
  });
  return {};
}

bool ControlPlane::take_back_revocation(RevocationKind kind, const std::string& value, std::string_view by) {
  EnrolmentService::Effects effects;
  if (!enrolment_.take_back(kind, value, effects)) return false;
  apply_effects(std::move(effects));
  std::vector<config::Peer> free;
  for (const auto& [name, peer] : barred_peers_)
    if (!is_revoked(peer)) free.push_back(peer);
  for (const config::Peer& peer : free) {
    barred_peers_.erase(peer.name);
    auto made = load_peer_keys(peer, keys_, keys_);
    if (!made) {
      log_error("peer does not come back", {{"peer", peer.name}, {"why", made.error()}, {"remedy", "reload"}});
      continue;
    }
    keys_.peers[peer.name] = std::move(*made);
    begin_peer(peer);
  }
  log_warning("revocation taken back", {{"kind", name_of(kind)}, {"value", value}, {"by", by}});
  request_flush();
  save();
  return true;
}

tl::expected<MadeEnrolmentKey, std::string> ControlPlane::make_enrolment_key(const NewEnrolmentKey& wanted,
                                                                             std::string_view by) {
  if (!config_.enrolment) return tl::unexpected(std::string("gateway.toml has no [enrolment]"));
  EnrolmentService::Effects effects;
  auto made = enrolment_.make_key(wanted, by, wall_seconds(), effects);
  if (!made) return made;
  apply_effects(std::move(effects));
  save();
  log_info("enrolment key made", {{"id", made->key.id}, {"name", made->key.name}, {"by", by}});
  return made;
}

bool ControlPlane::forget_pin(const std::string& identity, std::string_view by) {
  EnrolmentService::Effects effects;
  const bool forgotten = enrolment_.forget_pin(identity, effects);
  apply_effects(std::move(effects));
  save();
  if (forgotten) log_info("pin forgotten", {{"identity", identity}, {"by", by}});
  return forgotten;
}

std::vector<PoolUse> ControlPlane::pool_use() const {
  if (!enrolment_.settings()) return {};
  return {{enrolment_.settings()->pool, enrolment_.leases(), enrolment_.sessions().size(), enrolment_.capacity()}};
}

// What the server refused and what the service refused are one counter for each reason.
std::vector<NamedCounter> ControlPlane::enrolment_counters() const {
  std::vector<NamedCounter> list = enrolment_.counters();
  if (!enrolment_server_) return list;
  for (NamedCounter& counter : enrolment_server_->counters()) {
    const auto same = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.name == counter.name; });
    if (same != list.end())
      same->value += counter.value;
    else
      list.push_back(std::move(counter));
  }
  return list;
}

// ---- trust ----

// The issuers of the policy in force. Files that a policy from the API names lie where those of gateway.toml do.
void ControlPlane::apply_issuers() {
  std::vector<policy::Issuer> issuers;
  if (policy() != nullptr) issuers = policy()->issuers;
  std::filesystem::path folder = file_.parent_path();
  if (!config_.policy.files.empty()) {
    std::error_code ignored;
    const std::filesystem::path& first = config_.policy.files.front();
    folder = std::filesystem::is_directory(first, ignored) ? first : first.parent_path();
  }
  if (policy_.version(nullptr).source == PolicySource::api)
    for (policy::Issuer& issuer : issuers) issuer.location.file = nullptr;
  trust_.set_issuers(issuers, folder, wall_seconds());
}

// ---- clusters ----

void ControlPlane::apply_clusters() {
  std::map<std::string, std::set<std::string>> wanted;
  if (policy() != nullptr)
    for (const policy::Service& service : policy()->services)
      if (const auto followed = cluster_of(service)) wanted[followed->first].insert(followed->second);
  for (auto entry = clusters_.begin(); entry != clusters_.end();) {
    const auto same = std::find_if(config_.clusters.begin(), config_.clusters.end(),
                                   [&](const config::Cluster& one) { return one == entry->second->cluster(); });
    entry = same == config_.clusters.end() ? clusters_.erase(entry) : std::next(entry);
  }
  for (const config::Cluster& cluster : config_.clusters) {
    auto& watch = clusters_[cluster.name];
    if (!watch)
      watch = std::make_unique<ClusterWatch>(
          loop_, cluster, [this, name = cluster.name](const std::string& service, const LiveEndpoints& endpoints) {
            on_live_endpoints(name, service, endpoints);
          });
    watch->set_wanted(wanted[cluster.name]);
    // A service that the policy names since now may be one that is known.
    for (const std::string& service : wanted[cluster.name])
      if (const auto known = watch->endpoints(service)) on_live_endpoints(cluster.name, service, *known);
  }
}

// "CLUSTER/NAMESPACE/NAME" of a configured cluster, in two parts.
std::optional<std::pair<std::string, std::string>> ControlPlane::cluster_of(const policy::Service& service) const {
  if (!service.endpoints) return std::nullopt;
  const auto slash = service.endpoints->find('/');
  if (slash == std::string::npos) return std::nullopt;
  std::string name = service.endpoints->substr(0, slash);
  const bool configured = std::any_of(config_.clusters.begin(), config_.clusters.end(),
                                      [&](const config::Cluster& one) { return one.name == name; });
  if (!configured) return std::nullopt;
  return std::pair{std::move(name), service.endpoints->substr(slash + 1)};
}

void ControlPlane::on_live_endpoints(const std::string& cluster, const std::string& followed,
                                     const LiveEndpoints& endpoints) {
  if (policy() == nullptr) return;
  const std::string whole = cluster + '/' + followed;
  std::vector<std::string> services;
  for (const policy::Service& service : policy()->services)
    if (service.endpoints == whole) services.push_back(service.name);
  for (const std::string& service : services) {
    if (auto set = policy_.set_endpoints(service, endpoints.ready, endpoints.draining, instant_now(), dirty_); !set)
      log_error("endpoints refused", {{"service", service}, {"why", set.error().message}});
    else
      log_info("endpoints changed", {{"service", service},
                                     {"cluster", cluster},
                                     {"ready", endpoints.ready.size()},
                                     {"draining", endpoints.draining.size()}});
  }
  request_flush();
}

std::optional<EnrolmentBackend::EndpointSource> ControlPlane::endpoint_source(const std::string& name) const {
  const policy::Service* service = policy() == nullptr ? nullptr : policy()->find_service(name);
  if (service == nullptr || !service->endpoints) return std::nullopt;
  const bool known = policy_.endpoints().contains(name);
  EndpointSource source;
  if (const auto draining = policy_.draining().find(name); draining != policy_.draining().end())
    source.draining = draining->second;
  if (const auto followed = cluster_of(*service)) {
    const auto watch = clusters_.find(followed->first);
    const ClusterStatus status = watch == clusters_.end() ? ClusterStatus{} : watch->second->status();
    const bool spoke = status.in_contact_at || status.dropped;
    if (!spoke && !known) return std::nullopt;
    source.kind = spoke ? EndpointSource::Kind::cluster : EndpointSource::Kind::stored;
    source.cluster = followed->first;
  } else if (!known) {
    return std::nullopt;
  }
  return source;
}

std::vector<ClusterStatus> ControlPlane::clusters() const {
  std::vector<ClusterStatus> list;
  for (const auto& [name, watch] : clusters_) list.push_back(watch->status());
  return list;
}

}  // namespace sallyport::controlplane
