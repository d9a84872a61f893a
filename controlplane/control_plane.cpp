// Start, the link and the timers.
#include "controlplane/control_plane.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"
#include "controlplane/peers/gateway_objects.hpp"
#include "controlplane/runtime/instant_now.hpp"
#include "controlplane/validation.hpp"
#include "controlplane/wireguard/constants.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned handshake_threads = 2;
constexpr std::chrono::seconds tick_interval{1};
constexpr std::chrono::milliseconds publisher_interval{5};
constexpr std::uint64_t cookie_secret_lifetime_ns = 120 * second_ns;
constexpr std::chrono::nanoseconds wait_max = tick_interval;
constexpr std::size_t strays_max = 4096;
constexpr std::uint64_t resynchronisation_interval_ns = 60 * second_ns;

}  // namespace

ControlPlane::ControlPlane(boost::asio::io_context& loop, std::filesystem::path file, config::Config configuration)
    : loop_(loop),
      file_(std::move(file)),
      started_at_ns_(boottime_ns()),
      config_(std::move(configuration)),
      peer_folder_(file_.parent_path() / "peers.d", config_),
      pool_(loop,
            [this] {
              link_.poll();  // what had to wait for room
              request_flush();
            }),
      chores_(loop, [] {}),
      service_(*this, pool_, wireguard::system_random(), instant_now),
      publisher_({.complete_peer = [this](abi::SetPeer& peer) { service_.complete(peer); },
                  .on_install_refused =
                      [this](std::uint32_t index, std::uint64_t session_id, abi::Refusal reason) {
                        service_.on_install_refused(index, session_id, reason);
                      }},
                 started_at_ns_),
      policy_(publisher_, [this](const config::Peer& peer) { return facts_of(peer); }),
      flow_reports_({.peer_name = [this](std::uint32_t id) { return peer_name(id); },
                     .identity_of = [this](std::uint32_t id) { return policy_.identity_of(id); },
                     .rule = [this](std::uint32_t number) { return policy_.rule(number); },
                     .record = [this](FlowReport report) { record_flow(std::move(report)); },
                     .shown = [this](const abi::FlowShown& shown) { on_flow_shown(shown); },
                     .listing_ended = [this](const abi::FlowListingEnded& ended) { on_listing_ended(ended); }}),
      enrolment_([this](const PublicKey& key) { return check_enrolled_key(key); },
                 [this] { return config_.peers.size() < config_.dataplane.max_peers; },
                 [](std::uint8_t* bytes, std::size_t size) {
                   wireguard::system_random()({bytes, size});
                 }),
      link_(loop, config_.dataplane.socket, *this),
      resolver_(loop, [this](const auto& name, const auto& addresses) { on_resolved(name, addresses); }),
      trust_(loop,
             [this](std::shared_ptr<const TrustStore> store) {
               if (enrolment_server_) enrolment_server_->set_trust(std::move(store));
             }),
      tick_timer_(loop, [this] { tick(); }),
      service_timer_(loop,
                     [this] {
                       service_.on_timer();
                       flush();
                     }),
      publisher_timer_(loop, [this] { flush(); }),
      capture_timer_(loop, [this] { watch_capture(); }),
      listing_timer_(loop, [this] { end_listing(tl::unexpected(std::string("the dataplane does not answer"))); }),
      policy_timer_(loop, [this] { refresh_policy(); }),
      expiry_timer_(loop, [this] { expire_sessions(); }),
      peer_watch_(
          loop, peer_folder_.folder(), [this](const std::set<std::string>& names) { on_peer_files(&names); },
          [this] { on_peer_files(nullptr); }) {
  directory_.rebuild(config_.peers);
}

ControlPlane::~ControlPlane() {
  enrolment_server_.reset();
  end_capture();
  end_listing(tl::unexpected(std::string("the control plane ends")));
  if (writer_) writer_->write(std::move(dirty_));
}

// ---- start ----

tl::expected<void, StartFailure> ControlPlane::start() {
  auto keys = validate(config_, {});
  if (!keys) return tl::unexpected(StartFailure{std::move(keys.error()), {}});
  keys_ = std::move(*keys);
  if (auto opened = open_store(); !opened) return tl::unexpected(StartFailure{{}, opened.error()});
  start_peer_folder();
  restore_enrolment();
  if (config_.flow_records)
    if (auto failure = FlowRecords::check(*config_.flow_records))
      return tl::unexpected(StartFailure{{{config_.flow_records->location, "file: " + *failure}}, {}});
  if (auto started = start_policy(); !started) return tl::unexpected(StartFailure{std::move(started.error()), {}});

  // From here on there are threads.
  pool_.start(handshake_threads);
  chores_.start(1);
  apply_flow_records();
  clock_steps_ = std::make_unique<ClockSteps>(loop_, [this] { on_clock_step(); });
  const auto [has_v4, has_v6] = underlay_families(config_);
  names_.set_families(has_v4, has_v6);
  names_.set_wanted(endpoint_names(config_));
  ask_for_names();
  rotate_cookie_secrets();
  rotate_cookie_secrets();  // the one before is random too, not zero
  if (auto listens = start_enrolment_server(); !listens)
    return tl::unexpected(StartFailure{{{config_.enrolment->location, listens.error()}}, {}});
  arm_expiry();
  link_.start();
  tick_timer_.fire_after(tick_interval);
  log_info("started", {{"gateway", config_.gateway.name},
                       {"tunnels", config_.wireguards.size()},
                       {"peers", config_.peers.size()},
                       {"version", SALLYPORT_VERSION}});
  return {};
}

tl::expected<void, std::string> ControlPlane::open_store() {
  auto store = Store::open(config_.controlplane.state);
  if (!store) return tl::unexpected(store.error());
  auto loaded = store->load(wall_now());
  if (!loaded) return tl::unexpected("state file " + config_.controlplane.state.string() + ": " + loaded.error());
  stored_ = std::move(*loaded);
  floors_ = stored_.reservations;
  ran_before_ = !floors_.empty();
  policy_.restore(stored_);
  if (store->was_emptied()) {
    state_lost_ =
        "it was empty at the start and is begun anew: the peers' greatest timestamps (handshakes recorded within the "
        "last "
        "24 h could be replayed), the last good policy, enrolments, revocations and the audit trail are gone";
    log_error("state begun anew", {{"file", config_.controlplane.state.string()}, {"reason", state_lost_}});
  }

  // The first initiations must not wait for the first write.
  StoreChange reservations;
  for (const auto& [name, identity] : keys_.tunnels) {
    const auto floor = floors_.find(identity->public_key);
    const wireguard::TimestampSource source(floor == floors_.end() ? wireguard::Tai64n{} : floor->second);
    if (const auto until = source.reservation_wanted(wall_now()))
      reservations.set.reservations[identity->public_key] = *until;
  }
  if (auto written = store->write(reservations, wall_now()); !written) {
    // What is known is of use without it. It is tried again every second; until then we call no peer ourselves.
    store_failure_ = written.error();
    ++store_failures_;
    log_error("state cannot be written",
              {{"error", store_failure_}, {"consequence", "peers are answered, but not called, until it can"}});
    dirty_.merge(std::move(reservations));
  } else {
    for (const auto& [key, until] : reservations.set.reservations) stored_.reservations[key] = until;
  }

  writer_ = std::make_unique<StateWriter>(
      loop_, std::move(*store),
      [this](const StoreChange& written) {
        if (!store_failure_.empty()) log_info("state is written again");
        store_failure_.clear();
        for (const auto& [key, until] : written.set.reservations) {
          floors_[key] = until;
          service_.reservation_written(key, until);
        }
        on_saved(written.ticket, true);
      },
      [this](const std::string& why, std::uint64_t ticket) {
        on_saved(ticket, false);
        ++store_failures_;
        if (store_failure_ != why) log_error("state cannot be written", {{"error", why}, {"consequence", "none yet"}});
        store_failure_ = why;
      });
  return {};
}

// ---- configuration ----

// config_ and keys_ take effect. Ids exist from the first link on: the dataplane may hold peers with ids already.
void ControlPlane::apply_configuration(std::optional<PolicyService::Prepared> policy, std::string_view by,
                                       std::vector<std::string>* changes) {
  ids_.assign(config_);
  names_.set_wanted(endpoint_names(config_));
  directory_.rebuild(config_.peers);
  for (const config::Peer& peer : config_.peers)
    if (const auto id = ids_.peer(peer)) directory_.set_id(peer.name, *id);
  GatewayObjects objects = make_objects(config_, keys_, ids_, names_, floors_);
  publisher_.set_desired(std::move(objects.desired));
  service_.apply(objects.service);
  const bool first = !std::exchange(settings_applied_, true);
  if (first)
    for (const auto& [key, until] : stored_.reservations) service_.reservation_written(key, until);
  if (policy) {
    const auto lines = put_in_force(std::move(*policy), by);
    if (changes != nullptr) changes->insert(changes->end(), lines.begin(), lines.end());
  } else {
    policy_.set_peers(
        config_.peers, [this](const config::Peer& peer) { return known_id(peer); }, instant_now());
    policy_.set_settings(policy_settings());
  }
  restore_timestamps(stored_);  // also for a peer that comes back by a reload
  restore_endpoints();
  note_all_departed();
}

// ---- what is remembered of peers ----

bool ControlPlane::is_configured(const PeerKey& key) const {
  return std::any_of(keys_.tunnels.begin(), keys_.tunnels.end(), [&](const auto& tunnel) {
    return tunnel.second->public_key == key.tunnel && directory_.by_key(tunnel.first, key.peer) != nullptr;
  });
}

void ControlPlane::restore_endpoints() {
  const wireguard::WallTime now = instant_now().wall;
  for (const auto& [key, row] : stored_.peer_endpoints)
    service_.restore_endpoint(key, row.remote, row.local, now - row.seen_at);
}

void ControlPlane::endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local) {
  const EndpointRow row{remote, local, instant_now().wall};
  stored_.peer_endpoints[peer] = row;
  dirty_.set.peer_endpoints[peer] = row;
}

// Where it was does not matter any more. Its timestamp does, should it come back.
void ControlPlane::note_departed(const PeerKey& key) {
  if (stored_.peer_endpoints.erase(key) != 0) dirty_.set.peer_endpoints[key] = {};
  if (stored_.timestamps.contains(key)) departed_.push_back(key);
}

// After a reload, or the start.
void ControlPlane::note_all_departed() {
  std::vector<std::pair<wireguard::WallTime, PeerKey>> departed;
  for (const auto& [key, row] : stored_.timestamps)
    if (!is_configured(key)) departed.emplace_back(row.set_at, key);
  std::sort(departed.begin(), departed.end());
  departed_.clear();
  for (const auto& [at, key] : departed) departed_.push_back(key);
  std::vector<PeerKey> gone;
  for (const auto& [key, row] : stored_.peer_endpoints)
    if (!is_configured(key)) gone.push_back(key);
  for (const PeerKey& key : gone) {
    stored_.peer_endpoints.erase(key);
    dirty_.set.peer_endpoints[key] = {};
  }
}

void ControlPlane::forget_departed_beyond(std::size_t kept, std::size_t most) {
  const wireguard::WallTime lapsed = instant_now().wall - wireguard::timestamp_floor_lifetime;
  for (; most > 0 && !departed_.empty(); --most) {
    const PeerKey key = departed_.front();
    const auto row = stored_.timestamps.find(key);
    const bool is_over = row == stored_.timestamps.end() || row->second.set_at <= lapsed || is_configured(key);
    if (!is_over && departed_.size() <= kept) return;
    departed_.pop_front();
    if (row == stored_.timestamps.end() || is_configured(key)) continue;
    stored_.timestamps.erase(row);
    if (!is_over) dirty_.merge({.set = {}, .forget = {key}});
  }
}

void ControlPlane::restore_timestamps(const StoredState& stored) {
  const wireguard::Instant now = instant_now();
  for (const auto& [key, row] : stored.timestamps) {
    const auto age = std::max(now.wall - row.set_at, wireguard::WallTime::duration(0));
    service_.restore_timestamp(key, {row.value, now.boot - age});
  }
}

TimestampRow ControlPlane::to_row(const wireguard::GreatestTimestamp& timestamp) const {
  const wireguard::Instant now = instant_now();
  return {timestamp.value, now.wall - (now.boot - timestamp.set_at)};
}

// ---- the link ----

void ControlPlane::on_connected(DataplaneConnection& connection) {
  const bool same_boot = last_boot_id_ == connection.hello().boot_id;
  const bool first = !last_boot_id_;
  log_info("dataplane connected", {{"boot_id", hex(connection.hello().boot_id)},
                                   {"state", first       ? "first link"
                                             : same_boot ? "same dataplane"
                                                         : "restarted dataplane"},
                                   {"max_peers", connection.hello().max_peers},
                                   {"max_sessions", connection.hello().max_sessions}});
  if (!first) ++reconnections_;
  link_failure_.clear();
  last_boot_id_ = connection.hello().boot_id;
  connected_since_ns_ = boottime_ns();
  if (first) {
    ObjectIds::FormerKeys former_keys;
    for (const auto& [name, keys] : keys_.former_peers) former_keys[name] = keys->public_key;
    ids_.adopt(config_, connection.statistics(), former_keys);
  }
  policy_.on_connected(connection.statistics(), same_boot);
  apply_configuration();
  const auto& header = connection.statistics().header();
  // A dataplane without a policy has just started. Where no gateway ran before, it lost no flows by that.
  const bool has_flows = header.policy_image.load(std::memory_order_relaxed) != 0 || (first && !ran_before_);
  publisher_.connect(connection.command_ring(), header.applied_sequence,
                     has_flows ? Publisher::Flows::kept : Publisher::Flows::lost);
  service_.on_connected(connection.statistics(), same_boot);
  flush();
}

void ControlPlane::on_disconnected(DataplaneConnection& connection, const std::string& why) {
  log_warning("dataplane disconnected", {{"why", why}});
  link_failure_ = why;
  connected_since_ns_ = 0;
  service_.on_disconnected(connection.statistics());
  publisher_.disconnect();
  differences_.clear();
  service_timer_.cancel();
  publisher_timer_.cancel();
  end_capture();
  end_listing(tl::unexpected(std::string("the dataplane went away")));
}

void ControlPlane::on_connect_failed(const std::string& why) {
  log_info("waiting for the dataplane", {{"why", why}});
  link_failure_ = why;
}

void ControlPlane::on_event(const abi::Event& event) {
  if (abi::CommandRefused refused; abi::read_payload(event, refused)) {
    if (publisher_.on_refused(refused, boottime_ns())) link_.reopen("the dataplane lost count of commands");
    return;
  }
  if (abi::LinkChanged changed; abi::read_payload(event, changed)) {
    const auto port = statistics() != nullptr && changed.port_index < abi::max_ports
                          ? statistics()->port(changed.port_index)
                          : std::nullopt;
    const std::string name =
        port ? std::string(port->name.data(), strnlen(port->name.data(), port->name.size())) : std::string("unknown");
    log_info(changed.up != 0 ? "link up" : "link down", {{"port", name}, {"speed_mbps", changed.speed_mbps}});
    return;
  }
  if (flow_reports_.on_event(event, instant_now())) return;
  service_.on_event(event);
}

// ---- what the service asks ----

std::optional<std::uint64_t> ControlPlane::install_session(const abi::InstallSession& session) {
  request_flush();
  return publisher_.install_session(session);
}

void ControlPlane::retire_session(std::uint32_t index, std::uint64_t session_id) {
  publisher_.retire_session(index, session_id);
  request_flush();
}

bool ControlPlane::send_packet(const abi::PacketDown& packet) {
  request_flush();
  DataplaneConnection* connection = link_.connection();
  wake_wanted_ = true;
  return connection != nullptr && connection->send_packet(packet);
}

std::optional<abi::PeerStatusValue> ControlPlane::peer_status(std::uint32_t peer_id) const {
  const abi::StatisticsView* view = statistics();
  if (view == nullptr || peer_id >= view->max_peers()) return std::nullopt;
  return view->peer(peer_id);
}

void ControlPlane::timestamp_accepted(const PeerKey& peer, const wireguard::GreatestTimestamp& timestamp) {
  StoreChange change;
  change.set.timestamps[peer] = to_row(timestamp);
  stored_.timestamps[peer] = change.set.timestamps[peer];
  dirty_.merge(std::move(change));
}

// ---- names ----

void ControlPlane::reresolve_endpoint(std::uint32_t peer_id) {
  const config::Peer* peer = directory_.by_id(peer_id);
  if (peer == nullptr || !peer->endpoint) return;
  if (names_.ask_again(peer->endpoint->host, boottime_ns())) apply_address_of(peer->endpoint->host);
}

void ControlPlane::ask_for_names() {
  for (const std::string& name : names_.take_due(boottime_ns()))
    if (!resolver_.resolve(name)) names_.postpone(name, boottime_ns());
}

void ControlPlane::on_resolved(const std::string& name, const std::vector<IpAddress>& addresses) {
  if (addresses.empty()) log_warning("endpoint does not resolve", {{"name", name}});
  if (names_.answered(name, addresses, boottime_ns())) apply_address_of(name);
}

void ControlPlane::apply_address_of(const std::string& name) {
  log_info("endpoint resolved", {{"name", name}, {"address", names_.address_of(name).to_string()}});
  for (const config::Peer& peer : config_.peers) {
    if (!peer.endpoint || peer.endpoint->literal || peer.endpoint->host != name) continue;
    const auto id = directory_.id_of(peer.name);
    if (!id) continue;
    const IpEndpoint endpoint = endpoint_of(peer, names_);
    publisher_.set_peer_endpoint(*id, endpoint, generation_of(endpoint));
    service_.set_endpoint(*id, endpoint);
  }
  request_flush();
}

// ---- time ----

void ControlPlane::on_clock_step() {
  ++clock_steps_seen_;
  log_info("wall clock was set", {{"steps_seen", clock_steps_seen_}});
  for (const auto& [key, timestamp] : service_.timestamps()) timestamp_accepted(key, timestamp);
  policy_.on_clock_step(instant_now());
  expire_sessions();
  refresh_policy();
}

void ControlPlane::rotate_cookie_secrets() {
  Secret<32> fresh = wireguard::draw_private_key(wireguard::system_random());  // 32 random bytes
  publisher_.set_cookie_secrets(fresh.duplicate(), cookie_secret_.duplicate());
  cookie_secret_ = std::move(fresh);
  cookie_secrets_since_ns_ = boottime_ns();
}

// What the dataplane lost without a word is sent again, at a slow pace: that it was lost stays a fault to be told.
void ControlPlane::look_for_differences(const abi::StatisticsView& view) {
  const std::uint64_t now = boottime_ns();
  differences_.look(publisher_, service_.indices(), view, now);
  if (differences_.news().empty()) return;
  bool is_of_sessions_alone = true;
  for (const Problem& difference : differences_.news()) {
    is_of_sessions_alone &= difference.what.starts_with("session ");
    log_error("dataplane differs from what it was told", {{"object", difference.what}, {"why", difference.why}});
  }
  // Sessions are never sent again. What the dataplane refuses is told by name, and is tried again by itself.
  if (is_of_sessions_alone || !publisher_.problems().empty()) return;
  if (resynchronised_at_ns_ != 0 && now - resynchronised_at_ns_ < resynchronisation_interval_ns) return;
  resynchronised_at_ns_ = now;
  ++resynchronisations_;
  publisher_.resynchronise();
}

void ControlPlane::tick() {
  tick_timer_.fire_after(tick_interval);
  if (const abi::StatisticsView* view = statistics()) {
    service_.reconcile(*view);
    service_.on_timer();
    look_for_differences(*view);
  }
  if (boottime_ns() - cookie_secrets_since_ns_ >= cookie_secret_lifetime_ns) rotate_cookie_secrets();
  for (const auto& [key, until] : service_.reservations_wanted()) dirty_.set.reservations[key] = until;
  expire_sessions();
  const policy::TimePoint now = std::chrono::floor<std::chrono::seconds>(wall_now());
  trust_.tick(now);
  for (const auto& [name, watch] : clusters_) watch->tick(now);
  if (enrolment_server_) enrolment_server_->look_at_files();
  forget_departed_beyond(departed_max);
  // Keys that were replaced leave something too.
  if (stored_.peer_endpoints.size() > config_.peers.size() + strays_max ||
      stored_.timestamps.size() > config_.peers.size() + departed_.size() + strays_max)
    note_all_departed();
  writer_->write(std::exchange(dirty_, {}));
  ask_for_names();
  refresh_policy();
  policy_.collect_classes();
  link_.poll();
  flush();
}

void ControlPlane::request_flush() {
  if (std::exchange(flush_posted_, true)) return;
  boost::asio::post(loop_, lifetime_.guard([this] { flush(); }));
}

void ControlPlane::flush() {
  flush_posted_ = false;
  DataplaneConnection* connection = link_.connection();
  if (connection == nullptr) return;
  switch (publisher_.pump(boottime_ns())) {
    case Publisher::Pumped::broken:
      return link_.reopen("the dataplane broke the command ring");
    case Publisher::Pumped::sent:
      wake_wanted_ = true;
      break;
    case Publisher::Pumped::nothing:
      break;
  }
  if (std::exchange(wake_wanted_, false)) connection->wake_dataplane();
  if (!publisher_.at_rest() && !publisher_timer_.armed()) publisher_timer_.fire_after(publisher_interval);
  if (const auto deadline = service_.next_deadline()) {
    const auto wait = *deadline - wireguard::from_boottime_ns(boottime_ns());
    service_timer_.fire_after(std::clamp(wait, std::chrono::nanoseconds(0), wait_max));
  } else {
    service_timer_.cancel();
  }
}

}  // namespace sallyport::controlplane
