#include "dataplane/housekeeping/commands.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "config/base/log.hpp"
#include "dataplane/abi/digest.hpp"
#include "dataplane/housekeeping/port_addresses.hpp"

namespace sallyport::dataplane {
namespace {

constexpr unsigned commands_per_poll = 512;
constexpr std::size_t max_retired_tunnels = 1024;

RouteEntry to_peer(std::uint32_t peer_id) noexcept {
  return {.kind = NextHopKind::peer, .peer_id = peer_id};
}

}  // namespace

Commands::Commands(const Parts& parts, const abi::CommandLimits& limits)
    : parts_(parts), limits_(limits), retired_tunnels_(parts.context.tables.rcu, max_retired_tunnels) {
  // Until the control plane sends some, cookies are made with secrets that nobody knows.
  for (Secret<32>* secret : {&cookie_secret_, &previous_cookie_secret_})
    randombytes_buf(secret->expose_mutable().data(), secret->expose_mutable().size());
}

void Commands::on_new_link() noexcept {
  applied_sequence_ = 0;
  has_waiting_ = in_sync_ = false;
  parts_.statistics.header().applied_sequence.store(0, std::memory_order_release);
}

bool Commands::poll() noexcept {
  retired_tunnels_.poll(max_retired_tunnels, [](Tunnel* tunnel) { delete tunnel; });
  unsigned applied = 0;
  for (; applied < commands_per_poll && retired_tunnels_.size() + abi::max_tunnels < max_retired_tunnels; ++applied) {
    if (!has_waiting_ && !parts_.context.link.take_command(waiting_)) break;
    has_waiting_ = apply(waiting_) == Outcome::again;
    if (has_waiting_) break;
    explicit_bzero(&waiting_, sizeof waiting_);  // it may have held keys
  }
  return applied != 0;
}

void Commands::finish(const abi::Command& command, abi::Refusal refusal) noexcept {
  applied_sequence_ = command.header.sequence;
  if (refusal != abi::Refusal::none) {
    parts_.packets_down.on_refused(command.header.sequence);
    const abi::CommandRefused refused{
        .sequence = command.header.sequence, .command_kind = command.header.kind, .reason = refusal};
    if (!parts_.context.link.push_event(parts_.context.now_ns, refused))
      parts_.context.counters.add(no_port, Counter::events_lost);
  }
  // Release: whoever sees the number sees what the command did.
  parts_.statistics.header().applied_sequence.store(applied_sequence_, std::memory_order_release);
}

template <typename Payload, typename Apply>
Commands::Outcome Commands::with(const abi::Command& command, Apply&& apply) noexcept {
  Payload payload;
  busy_ = false;
  const abi::Refusal refusal = abi::read_payload(command, payload) ? apply(payload) : abi::Refusal::bad_header;
  explicit_bzero(&payload, sizeof payload);
  if (busy_) return Outcome::again;
  finish(command, refusal);
  return Outcome::done;
}

Commands::Outcome Commands::apply(const abi::Command& command) noexcept {
  using abi::CommandKind;
  using abi::Refusal;
  if (command.header.sequence != applied_sequence_ + 1) {
    // A writer that lost count: nothing that it says can be matched to what it thinks it said. It may connect anew.
    parts_.context.link.disconnect("its commands are out of order");
    return Outcome::done;
  }
  const auto checked = [](bool is_valid, auto&& action) { return is_valid ? action() : Refusal::bad_value; };
  switch (command.header.kind) {
    case CommandKind::begin_sync:
      return with<abi::BeginSync>(command, [this](const auto& begin) {
        sync_id_ = begin.sync_id;
        in_sync_ = true;
        return Refusal::none;
      });
    case CommandKind::end_sync:
      return with<abi::EndSync>(command, [this](const auto& end) {
        if (!in_sync_ || end.sync_id != sync_id_) return Refusal::bad_value;
        end_sync(end.sync_id);
        return Refusal::none;
      });
    case CommandKind::set_tunnel:
      return with<abi::SetTunnel>(
          command, [&](const auto& set) { return checked(abi::valid(set), [&] { return set_tunnel(set); }); });
    case CommandKind::remove_tunnel:
      return with<abi::RemoveTunnel>(command, [&](const auto& remove) {
        return checked(abi::valid(remove), [&] { return remove_tunnel(remove.tunnel_id); });
      });
    case CommandKind::set_peer:
      return with<abi::SetPeer>(
          command, [&](const auto& set) { return checked(abi::valid(set, limits_), [&] { return set_peer(set); }); });
    case CommandKind::remove_peer:
      return with<abi::RemovePeer>(command, [&](const auto& remove) {
        return checked(abi::valid(remove, limits_), [&] {
          const PeerRecord& peer = parts_.state.peers[remove.peer_id];
          if (peer.live && peer.public_key == remove.public_key) (void)remove_peer(remove.peer_id);
          return Refusal::none;
        });
      });
    case CommandKind::set_route:
      return with<abi::SetRoute>(
          command, [&](const auto& set) { return checked(abi::valid(set, limits_), [&] { return set_route(set); }); });
    case CommandKind::remove_route:
      return with<abi::RemoveRoute>(command, [&](const auto& remove) {
        return checked(abi::valid(remove), [&] { return remove_route(remove.prefix); });
      });
    case CommandKind::install_session:
      return with<abi::InstallSession>(command, [&](const auto& install) {
        return checked(abi::valid(install, limits_), [&] { return parts_.sessions.install(install); });
      });
    case CommandKind::retire_session:
      return with<abi::RetireSession>(command, [&](const auto& retire) {
        return checked(abi::valid(retire), [&] {
          parts_.sessions.retire(retire);
          return Refusal::none;
        });
      });
    case CommandKind::set_cookie_secrets:
      return with<abi::SetCookieSecrets>(command, [this](const auto& set) {
        set_cookie_secrets(set);
        return Refusal::none;
      });
    case CommandKind::begin_policy:
      return change_policy(command, &PolicyKeeper::begin);
    case CommandKind::commit_policy:
      return change_policy(command, &PolicyKeeper::commit);
    case CommandKind::set_rule:
      return change_policy(command, &PolicyKeeper::set_rule);
    case CommandKind::set_service:
      return change_policy(command, &PolicyKeeper::set_service);
    case CommandKind::set_source_class:
      return change_policy(command, &PolicyKeeper::set_source_class);
    case CommandKind::remove_source_class:
      return change_policy(command, &PolicyKeeper::remove_source_class);
    case CommandKind::set_destination_class:
      return change_policy(command, &PolicyKeeper::set_destination_class);
    case CommandKind::remove_destination_class:
      return change_policy(command, &PolicyKeeper::remove_destination_class);
    case CommandKind::set_address:
      return change_policy(command, &PolicyKeeper::set_address);
    case CommandKind::remove_address:
      return change_policy(command, &PolicyKeeper::remove_address);
    case CommandKind::set_peer_access:
      return change_policy(command, &PolicyKeeper::set_peer_access);
    case CommandKind::list_flows:
      return with<abi::ListFlows>(command, [&](const auto& payload) {
        return checked(abi::valid(payload, limits_), [&] {
          parts_.flows.list(payload);
          return Refusal::none;
        });
      });
    case CommandKind::forget_timestamp:
      return with<abi::ForgetTimestamp>(command, [&](const auto& forget) {
        return checked(abi::valid(forget, limits_), [&] {
          parts_.state.peers[forget.peer_id].greatest_timestamp = {};
          parts_.state.peers[forget.peer_id].timestamp_set_at_ns = 0;
          parts_.statistics.write_peer(forget.peer_id);
          return Refusal::none;
        });
      });
    case CommandKind::set_capture:
      return with<abi::SetCapture>(command, [&](const auto& set) {
        return checked(abi::valid(set, limits_), [&] {
          parts_.capture.apply(set);
          return Refusal::none;
        });
      });
  }
  finish(command, Refusal::bad_header);
  return Outcome::done;
}

// --- tunnels ---

std::unique_ptr<Tunnel> Commands::make_tunnel(const abi::SetTunnel& set) const noexcept {
  return std::unique_ptr<Tunnel>(new Tunnel{
      .tunnel_id = set.tunnel_id,
      .listen_port = set.listen_port,
      .mtu = set.mtu,
      .mss_clamp = set.mss_clamp != 0,
      .udp_checksum = set.udp_checksum != 0,
      .address_count = set.address_count,
      .addresses = set.addresses,
      .public_key = set.public_key,
      .mac1 = Mac1Checker(set.public_key),
      .cookies = CookieChecker(set.public_key, cookie_secret_.expose(), previous_cookie_secret_.expose()),
  });
}

void Commands::replace_tunnel(std::uint16_t tunnel_id, std::unique_ptr<Tunnel> tunnel) noexcept {
  if (auto before = parts_.context.tables.tunnels.replace(tunnel_id, std::move(tunnel)))
    retired_tunnels_.retire(before.release());
}

abi::Refusal Commands::set_tunnel(const abi::SetTunnel& set) noexcept {
  const TunnelTable& tunnels = parts_.context.tables.tunnels;
  const std::uint8_t port_owner = tunnels.owner_of_port(set.listen_port);
  if (port_owner != TunnelTable::no_tunnel && port_owner != set.tunnel_id) return abi::Refusal::conflict;
  const std::span addresses(set.addresses.data(), set.address_count);
  for (const IpPrefix& prefix : addresses)
    if (is_tunnel_address(prefix.address, set.tunnel_id) || is_port_address(prefix.address))
      return abi::Refusal::conflict;

  const abi::SetTunnel before = tunnel_settings_[set.tunnel_id];
  const bool existed = tunnels.find(set.tunnel_id) != nullptr;
  RouteTable& routes = parts_.context.tables.routes;
  for (const IpPrefix& prefix : addresses)
    if (const abi::Refusal refusal =
            refusal_of(routes.set(IpPrefix::host(prefix.address), {.kind = NextHopKind::local}));
        refusal != abi::Refusal::none || busy_)
      return refusal;
  if (existed) {
    for (const IpPrefix& old : std::span(before.addresses.data(), before.address_count)) {
      const bool kept =
          std::any_of(addresses.begin(), addresses.end(), [&](const IpPrefix& p) { return p.address == old.address; });
      if (!kept) (void)refusal_of(routes.remove(IpPrefix::host(old.address)));
    }
  }
  if (busy_) return abi::Refusal::none;
  tunnel_settings_[set.tunnel_id] = set;
  tunnel_sync_[set.tunnel_id] = sync_id_;
  replace_tunnel(set.tunnel_id, make_tunnel(set));
  if (existed &&
      (before.listen_port != set.listen_port || before.mtu != set.mtu || before.udp_checksum != set.udp_checksum))
    parts_.paths.refresh_all();
  return abi::Refusal::none;
}

abi::Refusal Commands::remove_tunnel(std::uint16_t tunnel_id) noexcept {
  if (parts_.context.tables.tunnels.find(tunnel_id) == nullptr) return abi::Refusal::none;
  if (tunnel_peers_[tunnel_id] != 0) return abi::Refusal::tunnel_in_use;
  const abi::SetTunnel& settings = tunnel_settings_[tunnel_id];
  for (unsigned i = 0; i < settings.address_count; ++i)
    (void)refusal_of(parts_.context.tables.routes.remove(IpPrefix::host(settings.addresses[i].address)));
  if (busy_) return abi::Refusal::none;
  replace_tunnel(tunnel_id, nullptr);
  return abi::Refusal::none;
}

void Commands::set_cookie_secrets(const abi::SetCookieSecrets& set) noexcept {
  cookie_secret_ = Secret<32>(set.current);
  previous_cookie_secret_ = Secret<32>(set.previous);
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id)
    if (parts_.context.tables.tunnels.find(id) != nullptr) replace_tunnel(id, make_tunnel(tunnel_settings_[id]));
}

bool Commands::is_port_address(const IpAddress& address) const noexcept {
  return any_port_owns(parts_.context.tables.ports, address);
}

bool Commands::is_tunnel_address(const IpAddress& address, std::uint16_t except_tunnel) const noexcept {
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id) {
    const Tunnel* tunnel = id != except_tunnel ? parts_.context.tables.tunnels.find(id) : nullptr;
    if (tunnel == nullptr) continue;
    for (unsigned i = 0; i < tunnel->address_count; ++i)
      if (tunnel->addresses[i].address == address) return true;
  }
  return false;
}

// --- policy ---

template <typename Payload>
Commands::Outcome Commands::change_policy(const abi::Command& command,
                                          abi::Refusal (PolicyKeeper::*change)(const Payload&) noexcept) noexcept {
  return with<Payload>(command, [&](const Payload& payload) {
    // What workers still read of the policy is bounded; a change that finds no room waits for their quiescent states.
    busy_ = !parts_.policy.has_room();
    if (busy_) return abi::Refusal::none;
    bool is_valid = false;
    if constexpr (requires { abi::valid(payload, limits_); })
      is_valid = abi::valid(payload, limits_);
    else
      is_valid = abi::valid(payload);
    const abi::Refusal refusal = is_valid ? (parts_.policy.*change)(payload) : abi::Refusal::bad_value;
    if (refusal != abi::Refusal::none) parts_.policy.spoil(payload.image, Payload::kind);
    return refusal;
  });
}

// --- peers ---

// Whether the peer that lives there has, under its former key, become this one.
bool Commands::takes_another_key(const PeerRecord& record, const abi::SetPeer& set) noexcept {
  return record.live && record.tunnel_id == set.tunnel_id && record.public_key != set.public_key &&
         set.former_public_key != PublicKey{} && record.public_key == set.former_public_key;
}

abi::Refusal Commands::set_peer(const abi::SetPeer& set) noexcept {
  if (parts_.context.tables.tunnels.find(set.tunnel_id) == nullptr) return abi::Refusal::unknown_tunnel;
  PeerRecord& record = parts_.state.peers[set.peer_id];
  if (takes_another_key(record, set)) {
    record.public_key = set.public_key;
    record.greatest_timestamp = {};  // the new key's history is in the message alone
    record.timestamp_set_at_ns = 0;
  }
  if (record.live && (record.public_key != set.public_key || record.tunnel_id != set.tunnel_id) &&
      !remove_peer(set.peer_id))
    return abi::Refusal::none;
  Peer& peer = parts_.context.tables.peers[set.peer_id];
  const bool is_new = !record.live;
  if (is_new) {
    // A worker in the middle of a turn may still have packets for, or from, the number's last owner in its hands.
    busy_ = record.freed_token != 0 && rte_rcu_qsbr_check(parts_.context.tables.rcu, record.freed_token, false) == 0;
    if (busy_) return abi::Refusal::none;
    // What a former owner of the id left in its grace period stays where it is.
    const PeerRecord fresh{.path_neighbour = record.path_neighbour,
                           .retiring_neighbour = record.retiring_neighbour,
                           .path_in_grace = record.path_in_grace,
                           .path_outdated = record.path_outdated,
                           .indexed_remote = record.indexed_remote,
                           .previous_in_bucket = record.previous_in_bucket,
                           .next_in_bucket = record.next_in_bucket,
                           .in_lowered = record.in_lowered};
    record = fresh;
    record.live = true;
    record.public_key = set.public_key;
    record.tunnel_id = set.tunnel_id;
    parts_.state.add_live(set.peer_id);
    ++tunnel_peers_[set.tunnel_id];
    peer.tunnel_id.store(set.tunnel_id, std::memory_order_relaxed);
    peer.send_index.store(0, std::memory_order_relaxed);
    peer.life.store(static_cast<std::uint8_t>(peer.life.load(std::memory_order_relaxed) + 1),
                    std::memory_order_relaxed);
    peer.live.store(1, std::memory_order_release);
    parts_.policy.forget_peer(set.peer_id);
  }
  record.sync_id = sync_id_;
  record.persistent_keepalive_s = set.persistent_keepalive_s;
  if (std::lexicographical_compare(record.greatest_timestamp.begin(), record.greatest_timestamp.end(),
                                   set.greatest_timestamp.begin(), set.greatest_timestamp.end())) {
    record.greatest_timestamp = set.greatest_timestamp;
    record.timestamp_set_at_ns = set.timestamp_set_at_ns;
  }
  const bool configured_anew =
      record.configured != set.endpoint || record.endpoint_generation != set.endpoint_generation;
  record.configured = set.endpoint;
  record.endpoint_generation = set.endpoint_generation;
  // A configured endpoint is the place to begin. One that data found since is better, until the configuration changes.
  if (set.endpoint.is_set() && (!record.endpoint.is_set() || (configured_anew && !is_new)))
    parts_.paths.move_endpoint(set.peer_id, set.endpoint, {},
                               std::max(parts_.context.now_ns, record.endpoint_seen_at_ns));
  if (is_new) parts_.paths.refresh(set.peer_id);
  parts_.statistics.write_peer(set.peer_id);
  return abi::Refusal::none;
}

bool Commands::remove_peer(std::uint32_t peer_id) noexcept {
  PeerRecord& record = parts_.state.peers[peer_id];
  if (record.routes != 0) {
    for (auto at = routes_.begin(); at != routes_.end();) {
      const auto next = std::next(at);
      if (at->second.kind == abi::RouteKind::peer && at->second.peer_id == peer_id)
        (void)remove_route(IpPrefix(at->first));
      at = next;
    }
    if (busy_) return false;
  }
  parts_.sessions.end_all_of(peer_id, abi::SessionEnd::peer_removed);
  parts_.staging.drop_all(peer_id, DropReason::peer_removed);
  Peer& peer = parts_.context.tables.peers[peer_id];
  peer.live.store(0, std::memory_order_release);
  parts_.policy.forget_peer(peer_id);
  record.live = false;
  record.freed_token = rte_rcu_qsbr_start(parts_.context.tables.rcu);
  record.endpoint = {};
  record.greatest_timestamp = {};
  --tunnel_peers_[record.tunnel_id];
  parts_.state.remove_live(peer_id);
  parts_.paths.refresh(peer_id);
  parts_.statistics.write_peer(peer_id);
  return true;
}

// --- routes ---

abi::Refusal Commands::refusal_of(RouteError error) noexcept {
  switch (error) {
    case RouteError::none:
      return abi::Refusal::none;
    case RouteError::invalid_prefix:
      return abi::Refusal::bad_value;
    case RouteError::not_found:
      return abi::Refusal::none;
    case RouteError::busy:
      busy_ = true;
      return abi::Refusal::none;
    case RouteError::too_many_hosts:
    case RouteError::too_many_prefixes:
    case RouteError::trie_full:
      break;
  }
  return abi::Refusal::table_full;
}

abi::Refusal Commands::set_route(const abi::SetRoute& set) noexcept {
  Tables& tables = parts_.context.tables;
  const bool takes_own_address = set.prefix.is_host() && (is_port_address(set.prefix.address) ||
                                                          is_tunnel_address(set.prefix.address, abi::max_tunnels));
  if (takes_own_address) return abi::Refusal::conflict;
  Route route{.kind = set.route_kind,
              .sync_id = sync_id_,
              .peer_id = abi::no_peer,
              .neighbour = no_neighbour,
              .is_underlay = false,
              .digest = abi::digest_of(set)};
  RouteEntry entry{.kind = NextHopKind::blackhole};
  if (set.route_kind == abi::RouteKind::peer) {
    if (!parts_.state.peers[set.peer_id].live) return abi::Refusal::unknown_peer;
    route.peer_id = set.peer_id;
    entry = to_peer(set.peer_id);
  } else if (set.route_kind == abi::RouteKind::via) {
    const auto ports = tables.ports.ports();
    const auto port =
        std::find_if(ports.begin(), ports.end(), [&](const LogicalPort& p) { return is_on_link(p, set.via); });
    if (port == ports.end()) return abi::Refusal::route_unreachable;
    route.is_underlay = port->role == config::PortRole::underlay;
    if (!route.is_underlay) {
      route.neighbour = parts_.neighbours.acquire(port->index, set.via);
      if (route.neighbour == no_neighbour) return abi::Refusal::table_full;
    }
    entry = {.kind = NextHopKind::port, .port_index = port->index, .neighbour_index = route.neighbour};
  }
  parts_.neighbours.forget_gleaned_covered_by(set.prefix);
  const auto before = routes_.find(set.prefix);
  if (before != routes_.end() && before->second.is_underlay != route.is_underlay) {
    if (const abi::Refusal refusal = remove_route(set.prefix); refusal != abi::Refusal::none || busy_) return refusal;
  }
  const abi::Refusal refusal =
      route.is_underlay
          ? (parts_.underlay_routes.set(set.prefix, set.via) ? abi::Refusal::none : abi::Refusal::table_full)
          : refusal_of(tables.routes.set(set.prefix, entry));
  if (refusal != abi::Refusal::none || busy_) {
    if (route.neighbour != no_neighbour) parts_.neighbours.release(route.neighbour);
    return refusal;
  }
  if (const auto old = routes_.find(set.prefix); old != routes_.end()) {
    routes_digest_ -= old->second.digest;
    if (old->second.kind == abi::RouteKind::peer) --parts_.state.peers[old->second.peer_id].routes;
    if (old->second.neighbour != no_neighbour) parts_.neighbours.release(old->second.neighbour);
  }
  if (route.kind == abi::RouteKind::peer) ++parts_.state.peers[route.peer_id].routes;
  routes_[set.prefix] = route;
  routes_digest_ += route.digest;
  if (route.is_underlay) parts_.paths.refresh_all();
  return abi::Refusal::none;
}

abi::Refusal Commands::remove_route(const IpPrefix& prefix) noexcept {
  const auto at = routes_.find(prefix);
  if (at == routes_.end()) return abi::Refusal::none;
  const Route route = at->second;
  if (route.is_underlay) {
    parts_.underlay_routes.remove(prefix);
  } else if (const abi::Refusal refusal = refusal_of(parts_.context.tables.routes.remove(prefix));
             refusal != abi::Refusal::none || busy_) {
    return refusal;
  }
  if (route.kind == abi::RouteKind::peer) --parts_.state.peers[route.peer_id].routes;
  if (route.neighbour != no_neighbour) parts_.neighbours.release(route.neighbour);
  routes_digest_ -= route.digest;
  routes_.erase(at);
  if (route.is_underlay) parts_.paths.refresh_all();
  return abi::Refusal::none;
}

HeldObjects Commands::held() const noexcept {
  HeldObjects held{.routes = routes_.size(), .routes_digest = routes_digest_};
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id) {
    if (parts_.context.tables.tunnels.find(id) == nullptr) continue;
    ++held.tunnels;
    held.tunnels_digest += abi::digest_of(tunnel_settings_[id]);
  }
  return held;
}

void Commands::install_port_routes() noexcept {
  RouteTable& routes = parts_.context.tables.routes;
  const auto install = [&](const IpPrefix& prefix, const RouteEntry& entry, const std::string& port) {
    const RouteError error = routes.set(prefix, entry);
    if (error != RouteError::none)
      log_error("route of a port refused",
                {{"port", port}, {"prefix", prefix.to_string()}, {"reason", to_string(error)}});
  };
  for (const LogicalPort& port : parts_.context.tables.ports.ports()) {
    for (const IpPrefix& prefix : port.addresses) {
      install(IpPrefix::host(prefix.address), {.kind = NextHopKind::local, .port_index = port.index}, port.name);
      if (port.role == config::PortRole::inside && !prefix.is_host())
        install(prefix.network(), {.kind = NextHopKind::connected, .port_index = port.index}, port.name);
    }
    if (port.role != config::PortRole::inside) continue;
    for (const IpAddress& gateway : port.gateways) {
      const std::uint32_t neighbour = parts_.neighbours.acquire(port.index, gateway);
      const IpPrefix everything{gateway.is_v4() ? IpAddress::v4(0, 0, 0, 0) : *IpAddress::parse("::"), 0};
      install(everything, {.kind = NextHopKind::port, .port_index = port.index, .neighbour_index = neighbour},
              port.name);
    }
  }
}

// --- the end of a synchronisation ---

void Commands::end_sync(std::uint64_t sync_id) noexcept {
  for (auto at = routes_.begin(); at != routes_.end();) {
    const auto next = std::next(at);
    if (at->second.sync_id != sync_id) (void)remove_route(IpPrefix(at->first));
    at = next;
  }
  if (busy_) return;  // with() tries the whole end again
  auto& live = parts_.state.live_peers;
  for (std::size_t i = live.size(); i-- > 0;)
    if (parts_.state.peers[live[i]].sync_id != sync_id && !remove_peer(live[i])) return;
  for (std::uint16_t id = 0; id < abi::max_tunnels; ++id)
    if (tunnel_sync_[id] != sync_id) (void)remove_tunnel(id);
  in_sync_ = false;
}

}  // namespace sallyport::dataplane
