// What the dataplane should have but the policy: tunnels, peers, routes, cookie secrets, and what of it has to be sent.
#include <set>
#include <utility>

#include "controlplane/publisher/publisher.hpp"

namespace sallyport::controlplane {
namespace {

// Calls gone(key, value) for what only `before` has and changed(key, value) for what `after` has anew or differently.
template <typename Map, typename Gone, typename Changed>
void compare(const Map& before, const Map& after, Gone&& gone, Changed&& changed) {
  for (const auto& [key, value] : before)
    if (!after.contains(key)) gone(key, value);
  for (const auto& [key, value] : after) {
    const auto old = before.find(key);
    if (old == before.end() || old->second != value) changed(key, value);
  }
}

// The dataplane takes the second for the first, perhaps with another key: nothing has to be removed.
bool is_same_peer(const abi::SetPeer& before, const abi::SetPeer& after) noexcept {
  return before.tunnel_id == after.tunnel_id && (before.key == after.key || before.key == after.former_key);
}

}  // namespace

std::size_t Publisher::set_desired(DesiredState next) {
  const std::size_t before = queue_.size();
  std::size_t touched = 0;
  const DesiredState old = std::exchange(desired_, std::move(next));
  std::set<std::uint32_t> replaced;  // numbers that have another owner now
  ++desired_version_;
  const auto remove = [&](const Subject& subject) {
    problems_.forget(subject);
    enqueue(Action::remove, subject);
    ++touched;
  };
  const auto remove_peer = [&](std::uint32_t id, const PublicKey& key) {
    drop_peer(id, key);
    ++touched;
  };
  const auto set = [&](const Subject& subject) {
    enqueue(Action::set, subject);
    ++touched;
  };
  const auto ignore = [](const auto&, const auto&) {};
  const auto went_with_its_peer = [&](const Named<abi::SetRoute>& route) {
    return route.message.route_kind == abi::RouteKind::peer && replaced.contains(route.message.peer_id);
  };

  // 1. What goes, dependants first.
  compare(
      old.routes, desired_.routes, [&](const auto& prefix, const auto&) { remove(Subject::route(prefix)); }, ignore);
  compare(
      old.peers, desired_.peers, [&](auto id, const auto& peer) { remove_peer(id, peer.message.key); },
      [&](auto id, const auto& peer) {
        const auto former = old.peers.find(id);
        if (former == old.peers.end() || is_same_peer(former->second.message, peer.message)) return;
        remove_peer(id, former->second.message.key);
        replaced.insert(id);
      });
  compare(
      old.tunnels, desired_.tunnels,
      [&](auto id, const auto&) {
        remove(Subject::tunnel(id));
        announced_tunnels_[id] = false;
      },
      ignore);

  // 2. What comes or changes, what others depend on first.
  compare(old.tunnels, desired_.tunnels, ignore, [&](auto id, const auto&) { set(Subject::tunnel(id)); });
  compare(old.peers, desired_.peers, ignore, [&](auto id, const auto&) { set(Subject::peer(id)); });
  compare(old.routes, desired_.routes, ignore, [&](const auto& prefix, const auto& route) {
    if (!went_with_its_peer(route)) set(Subject::route(prefix));
  });
  if (!replaced.empty())
    for (const auto& [prefix, route] : desired_.routes)
      if (went_with_its_peer(route)) set(Subject::route(prefix));
  return channel_ ? queue_.size() - before : touched;
}

void Publisher::set_peer(Named<abi::SetPeer> peer) {
  const std::uint32_t id = peer.message.peer_id;
  const auto known = desired_.peers.find(id);
  if (known != desired_.peers.end()) {
    known->second.name = peer.name;  // which is no part of what the dataplane knows
    if (known->second == peer) return;
    const bool is_replaced = !is_same_peer(known->second.message, peer.message);
    if (is_replaced) drop_peer(id, known->second.message.key);
    known->second = std::move(peer);
    enqueue(Action::set, Subject::peer(id));
    if (is_replaced) enqueue_routes_of(id);
    return;
  }
  desired_.peers[id] = std::move(peer);
  enqueue(Action::set, Subject::peer(id));
}

void Publisher::enqueue_routes_of(std::uint32_t peer_id) {
  for (const auto& [prefix, route] : desired_.routes)
    if (route.message.route_kind == abi::RouteKind::peer && route.message.peer_id == peer_id)
      enqueue(Action::set, Subject::route(prefix));
}

void Publisher::remove_peer(std::uint32_t peer_id) {
  const auto known = desired_.peers.find(peer_id);
  if (known == desired_.peers.end()) return;
  const abi::PeerKey key = known->second.message.key;
  desired_.peers.erase(known);
  drop_peer(peer_id, key);
}

void Publisher::set_route(Named<abi::SetRoute> route) {
  const IpPrefix prefix = route.message.prefix;
  const auto known = desired_.routes.find(prefix);
  if (known != desired_.routes.end() && known->second == route) {
    known->second.name = std::move(route.name);
    return;
  }
  desired_.routes[prefix] = std::move(route);
  ++desired_version_;
  enqueue(Action::set, Subject::route(prefix));
}

void Publisher::remove_route(const IpPrefix& prefix) {
  if (desired_.routes.erase(prefix) == 0) return;
  ++desired_version_;
  problems_.forget(Subject::route(prefix));
  enqueue(Action::remove, Subject::route(prefix));
}

void Publisher::set_peer_endpoint(std::uint32_t peer_id, const IpEndpoint& endpoint, std::uint32_t generation) {
  const auto found = desired_.peers.find(peer_id);
  if (found == desired_.peers.end()) return;
  found->second.message.endpoint = endpoint;
  found->second.message.endpoint_generation = generation;
  enqueue(Action::set, Subject::peer(peer_id));
}

void Publisher::set_cookie_secrets(Secret<32> current, Secret<32> previous) {
  cookie_secrets_.emplace(std::move(current), std::move(previous));
  enqueue(Action::set, {.kind = SubjectKind::cookie_secrets});
}

}  // namespace sallyport::controlplane
