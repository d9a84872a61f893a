#include "dataplane/housekeeping/housekeeping.hpp"

#include <poll.h>
#include <rte_cycles.h>
#include <sys/prctl.h>

#include <algorithm>

#include "config/base/clock.hpp"
#include "config/base/log.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned packets_per_ring = 64;
constexpr unsigned notes_per_worker = 256;
constexpr std::uint64_t link_poll_interval_ns = 5 * millisecond_ns;
constexpr unsigned idle_turns_before_wait = 32;
constexpr timespec nap{0, 200'000};  // what a ping to us may wait, at most

}  // namespace

tl::expected<std::unique_ptr<Housekeeping>, std::string> Housekeeping::create(Setup&& setup) {
  std::unique_ptr<Housekeeping> housekeeping(new Housekeeping(std::move(setup)));
  if (const auto opened = housekeeping->host_bridge_.open(); !opened) return tl::unexpected(opened.error());
  housekeeping->host_descriptors_ = housekeeping->host_bridge_.descriptors();
  housekeeping->routes_.install_port_routes();
  housekeeping->every_second();
  for (const LogicalPort& port : housekeeping->context_.tables.ports.ports())
    housekeeping->neighbours_.announce(port.index);
  return housekeeping;
}

Housekeeping::Housekeeping(Setup&& setup)
    : link_(std::move(setup.link)),
      rings_(setup.rings),
      counters_(setup.statistics.at<abi::CounterBlock>(setup.layout.counters)),
      clock_(setup.tables.tsc_hz, rte_rdtsc(), boottime_ns()),
      context_{.tables = setup.tables,
               .counters = counters_,
               .clock = clock_,
               .link = *link_,
               .rings = setup.rings,
               .transmit_worker = {},
               .now_ns = boottime_ns(),
               .now_tsc = rte_rdtsc()},
      state_(setup.limits.max_peers, setup.limits.max_sessions),
      links_(context_),
      statistics_(context_, state_, setup.statistics, setup.layout),
      icmp_errors_(context_),
      neighbours_(context_, icmp_errors_,
                  {setup.statistics.at<abi::NeighbourStatus>(setup.layout.neighbours), abi::max_neighbours_shown}),
      host_bridge_(context_),
      own_address_(context_, neighbours_, host_bridge_, icmp_errors_),
      wireguard_gate_(context_, statistics_.header()),
      paths_(context_, state_, neighbours_, underlay_routes_),
      path_mtu_(context_, state_, paths_),
      staging_(context_, state_),
      sessions_(context_, state_, paths_, staging_, statistics_),
      timers_(context_, state_, sessions_, staging_, statistics_),
      packets_down_(context_, neighbours_, underlay_routes_),
      capture_(context_, statistics_.header(), std::move(setup.captures)),
      policy_(context_, statistics_.header(), setup.limits),
      flows_(context_, statistics_.header()),
      routes_(context_, state_, neighbours_, underlay_routes_, paths_),
      tunnels_(context_, routes_, paths_),
      peers_({.context = context_,
              .state = state_,
              .tunnels = tunnels_,
              .routes = routes_,
              .paths = paths_,
              .sessions = sessions_,
              .staging = staging_,
              .policy = policy_,
              .statistics = statistics_}),
      commands_({.context = context_,
                 .header = statistics_.header(),
                 .tunnels = tunnels_,
                 .peers = peers_,
                 .routes = routes_,
                 .sessions = sessions_,
                 .packets_down = packets_down_,
                 .capture = capture_,
                 .policy = policy_,
                 .flows = flows_},
                setup.limits) {
  for (const auto& device : setup.tables.devices) context_.transmit_worker.push_back(device->queues().tx_worker_for(0));
  for (WorkerRings& rings : rings_) notes_.emplace_back(rings.notes.get());
}

void Housekeeping::run(const std::atomic<bool>& stop) noexcept {
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  while (!stop.load(std::memory_order_relaxed)) {
    if (run_once()) {
      idle_turns_ = 0;
    } else if (++idle_turns_ >= idle_turns_before_wait) {
      sleep();
    }
  }
}

bool Housekeeping::run_once() noexcept {
  context_.now_ns = boottime_ns();
  context_.now_tsc = rte_rdtsc();
  if (context_.now_ns >= next_link_poll_ns_) {
    next_link_poll_ns_ = context_.now_ns + link_poll_interval_ns;
    link_->poll();
    link_->drain_wake();
  }
  if (link_->generation() != link_generation_) on_new_link();
  bool worked = commands_.poll();
  worked |= take_notes();
  worked |= take_from_workers();
  packets_down_.poll(commands_.applied_sequence());
  host_bridge_.poll();
  neighbours_.poll();
  wireguard_gate_.poll();
  timers_.poll();
  paths_.poll();
  sessions_.poll();
  capture_.poll();
  policy_.poll();
  flows_.poll();
  context_.tables.routes.poll();
  if (context_.now_ns >= next_second_ns_) every_second();
  link_->flush();
  return worked;
}

void Housekeeping::on_new_link() noexcept {
  link_generation_ = link_->generation();
  commands_.on_new_link();
  flows_.on_new_link();
  timers_.raise_all_again();
}

bool Housekeeping::take_notes() noexcept {
  bool any = false;
  for (auto& ring : notes_) {
    Note note;
    for (unsigned i = 0; i < notes_per_worker && ring.pop(note) == abi::RingResult::ok; ++i) {
      any = true;
      const SessionRecord* session = sessions_.find(note.session_index);
      if (session == nullptr || session->peer_id != note.peer_id) continue;
      if (note.kind == NoteKind::session_confirmed) {
        sessions_.confirm(note.session_index);
      } else if (paths_.move_endpoint(note.peer_id, note.remote, note.local, context_.now_ns)) {
        statistics_.write_peer(note.peer_id);
        if (!link_->push_event(context_.now_ns, abi::EndpointMoved{.peer_id = note.peer_id, .endpoint = note.remote}))
          counters_.add(no_port, Counter::events_lost);
      }
    }
  }
  return any;
}

bool Housekeeping::take_from_workers() noexcept {
  bool any = false;
  std::array<Packet*, packets_per_ring> packets;
  for (WorkerRings& rings : rings_) {
    for (PacketRing* ring : {rings.own_address.get(), rings.handshakes.get(), rings.held.get()}) {
      const unsigned count = ring->pop(packets.data(), packets_per_ring);
      any |= count != 0;
      for (unsigned i = 0; i < count; ++i) dispatch(packets[i]);
    }
  }
  return any;
}

void Housekeeping::dispatch(Packet* packet) noexcept {
  switch (meta_of(packet).task) {
    case Task::own_address:
      if (path_mtu_.take(packet)) return;
      [[fallthrough]];
    case Task::own_inner_address:
      return own_address_.handle(packet);
    case Task::handshake:
      return wireguard_gate_.handle(packet);
    case Task::stage:
      return staging_.handle(packet);
    case Task::resolve:
    case Task::glean:
      return neighbours_.handle(packet);
    case Task::icmp_error:
      return icmp_errors_.handle(packet);
    case Task::hold_for_owner:
      return sessions_.hold_for_owner(packet);
    default:
      return counters_.drop(packet, DropReason::bad_command);
  }
}

void Housekeeping::every_second() noexcept {
  next_second_ns_ = context_.now_ns + second_ns;
  clock_.calibrate(rte_rdtsc(), boottime_ns());
  link_->restore_socket_file();
  links_.poll();
  statistics_.write_ports(links_);
  flows_.write_totals();
  statistics_.write_totals({.packets_held = packets_held(),
                            .neighbours = context_.tables.neighbours.size(),
                            .routes = static_cast<std::uint32_t>(context_.tables.routes.routes().size()),
                            .held_tunnels = tunnels_.held(),
                            .held_routes = routes_.held(),
                            .policy_parts = policy_.held()});
}

std::uint64_t Housekeeping::packets_held() const noexcept {
  std::uint64_t held = staging_.held_packets() + neighbours_.held_packets() + sessions_.held_packets();
  for (const WorkerRings& rings : rings_) held += rings.packets_held->load(std::memory_order_relaxed);
  return held;
}

void Housekeeping::drop_all_held() noexcept {
  for (const std::uint32_t peer_id : state_.live_peers) staging_.drop_all(peer_id, DropReason::peer_removed);
  capture_.end();
  neighbours_.drop_all_held();
  sessions_.drop_all_held();
  std::array<Packet*, packets_per_ring> packets;
  const auto drain = [&](PacketRing& ring) {
    while (const unsigned count = ring.pop(packets.data(), packets_per_ring))
      for (unsigned i = 0; i < count; ++i) counters_.drop(packets[i], DropReason::peer_removed);
  };
  for (WorkerRings& rings : rings_) {
    for (PacketRing* ring :
         {rings.own_address.get(), rings.handshakes.get(), rings.held.get(), rings.from_housekeeping.get()})
      drain(*ring);
    for (auto& ring : rings.from_worker)
      if (ring) drain(*ring);
  }
}

void Housekeeping::sleep() noexcept {
  std::array<pollfd, 3 + abi::max_ports> descriptors;
  nfds_t count = 0;
  for (const int descriptor : {link_->wake_descriptor(), link_->listen_descriptor(), link_->connection_descriptor()})
    if (descriptor >= 0) descriptors[count++] = {descriptor, POLLIN, 0};
  for (const int descriptor : host_descriptors_)
    if (count < descriptors.size()) descriptors[count++] = {descriptor, POLLIN, 0};
  if (ppoll(descriptors.data(), count, &nap, nullptr) > 0) next_link_poll_ns_ = 0;
}

}  // namespace sallyport::dataplane
