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
constexpr std::uint64_t resynchronisation_interval_ns = 60 * second_ns;

}  // namespace

ControlPlane::ControlPlane(boost::asio::io_context& loop, std::filesystem::path file, config::Config configuration)
    : loop_(loop),
      file_(std::move(file)),
      started_at_ns_(boottime_ns()),
      config_(std::move(configuration)),
      state_(loop, [this](const PublicKey& tunnel,
                          const wireguard::Tai64n& until) { service_.reservation_written(tunnel, until); }),
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
      policy_(publisher_),
      live_(loop, policy_, state_, *this),
      peers_(loop, config_, publisher_, service_, policy_, state_, *this),
      enrolment_([this](const PublicKey& key) { return sessions_.check_key(key); },
                 [this] { return peers_.all().size() < config_.dataplane.max_peers; },
                 [](std::uint8_t* bytes, std::size_t size) {
                   wireguard::system_random()({bytes, size});
                 }),
      barred_(enrolment_, peers_),
      sessions_(loop, config_, enrolment_, peers_, barred_, state_, *this),
      peer_files_(loop, file_, config_, peers_, barred_, sessions_, policy_, *this),
      capture_(loop, publisher_, *this),
      listing_(loop, publisher_, *this),
      flow_reports_({.peer_name = [this](std::uint32_t id) { return peer_name(id); },
                     .identity_of = [this](std::uint32_t id) { return policy_.identity_of(id); },
                     .rule = [this](std::uint32_t number) { return policy_.rule(number); },
                     .record = [this](FlowReport report) { recorder_.record(std::move(report)); },
                     .shown = [this](const abi::FlowShown& shown) { listing_.on_shown(shown); },
                     .listing_ended = [this](const abi::FlowListingEnded& ended) { listing_.on_ended(ended); }}),
      link_(loop, config_.dataplane.socket, *this),
      trust_(loop, [this](std::shared_ptr<const TrustStore> store) { gate_.set_trust(std::move(store)); }),
      tick_timer_(loop, [this] { tick(); }),
      service_timer_(loop,
                     [this] {
                       service_.on_timer();
                       flush();
                     }),
      publisher_timer_(loop, [this] { flush(); }),
      policy_timer_(loop, [this] { refresh_policy(); }),
      gate_(
          loop,
          [this](const EnrolmentRequest& request, const EnrolmentServer::Reply& reply) {
            on_enrolment(request, reply);
          },
          [this](const std::string& issuer) { trust_.refresh(issuer, wall_seconds()); }) {}

ControlPlane::~ControlPlane() {
  capture_.end();
  listing_.break_off("the control plane ends");
}

// ---- start ----

tl::expected<void, StartFailure> ControlPlane::start() {
  auto keys = validate(config_, {});
  if (!keys) return tl::unexpected(StartFailure{std::move(keys.error()), {}});
  peers_.set_keys(std::move(*keys));
  if (auto opened = open_state(); !opened) return tl::unexpected(StartFailure{{}, opened.error()});
  if (config_.flow_records)
    if (auto failure = FlowRecords::check(*config_.flow_records))
      return tl::unexpected(StartFailure{{{config_.flow_records->location, "file: " + *failure}}, {}});
  if (auto started = start_policy(); !started) return tl::unexpected(StartFailure{std::move(started.error()), {}});

  // From here on there are threads.
  pool_.start(handshake_threads);
  chores_.start(1);
  recorder_.apply(config_.flow_records);
  clock_steps_ = std::make_unique<ClockSteps>(loop_, [this] { on_clock_step(); });
  peers_.follow_names();
  rotate_cookie_secrets();
  rotate_cookie_secrets();  // the one before is random too, not zero
  if (auto listens = gate_.start(config_, trust_.store()); !listens)
    return tl::unexpected(StartFailure{{{config_.enrolment->location, listens.error()}}, {}});
  link_.start();
  tick_timer_.fire_after(tick_interval);
  log_info("started", {{"gateway", config_.gateway.name},
                       {"tunnels", config_.wireguards.size()},
                       {"peers", peers_.all().size()},
                       {"version", SALLYPORT_VERSION}});
  return {};
}

// What an earlier process left, and who is there besides those whom gateway.toml names: before the policy, to which
// they are peers like the others.
tl::expected<void, std::string> ControlPlane::open_state() {
  std::vector<PublicKey> tunnels;
  for (const auto& [name, identity] : peers_.keys().tunnels) tunnels.push_back(identity->public_key);
  auto stored = state_.open(config_.controlplane.state, tunnels);
  if (!stored) return tl::unexpected(std::move(stored.error()));
  policy_.restore(*stored);
  peers_.memory().take(*stored);
  peer_files_.start();
  sessions_.restore(stored->enrolment);
  barred_.bar_revoked();
  return {};
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
  if (first) peers_.adopt(connection.statistics());
  policy_.on_connected(connection.statistics(), same_boot);
  apply_configuration();
  const auto& header = connection.statistics().header();
  const bool has_state = header.live_peers.load(std::memory_order_relaxed) != 0 ||
                         header.policy_image.load(std::memory_order_relaxed) != 0;
  if (first && state_.is_new() && has_state)
    state_.note_lost("it was not there at the start, though the dataplane has what a gateway gave it before,");
  // A dataplane without a policy has just started. Where no gateway ran before, it lost no flows by that.
  const bool has_flows = header.policy_image.load(std::memory_order_relaxed) != 0 || (first && !state_.ran_before());
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
  capture_.end();
  listing_.break_off("the dataplane went away");
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
  publisher_.send_now(abi::RetireSession{index, 0, session_id});
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
  peers_.memory().timestamp_accepted(peer, timestamp, instant_now());
}

void ControlPlane::endpoint_learned(const PeerKey& peer, const IpEndpoint& remote, const IpEndpoint& local) {
  peers_.memory().endpoint_learned(peer, remote, local, instant_now());
}

// ---- time ----

void ControlPlane::on_clock_step() {
  ++clock_steps_seen_;
  log_info("wall clock was set", {{"steps_seen", clock_steps_seen_}});
  for (const auto& [key, timestamp] : service_.timestamps()) timestamp_accepted(key, timestamp);
  policy_.on_clock_step(instant_now());
  sessions_.expire();
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
  // Sessions are never sent again.
  if (is_of_sessions_alone) return;
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
  for (const auto& [tunnel, until] : service_.reservations_wanted()) state_.pending().set.reservations[tunnel] = until;
  sessions_.expire();
  const policy::TimePoint now = wall_seconds();
  trust_.tick(now);
  live_.tick(now);
  gate_.look_at_files();
  peers_.memory().tick(peers_.all().size(), instant_now());
  state_.write();
  peers_.ask_for_names();
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
