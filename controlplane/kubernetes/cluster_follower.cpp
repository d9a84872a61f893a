#include "controlplane/kubernetes/cluster_follower.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/kubernetes/service_name.hpp"

namespace sallyport::controlplane {

ClusterFollower::ClusterFollower(config::Cluster cluster, ClusterWatch::OnEndpoints on_endpoints,
                                 ClusterEnvironment& environment, std::uint32_t seed)
    : cluster_(std::move(cluster)),
      on_endpoints_(std::move(on_endpoints)),
      environment_(environment),
      seeds_(seed),
      timing_(WatchTiming::of(cluster_.stale_after)) {}

void ClusterFollower::set_wanted(const std::set<std::string>& services) {
  std::set<std::string> wanted, grown;
  for (const std::string& service : services) {
    if (!is_service_name(service)) continue;
    wanted.insert(service);
    if (!slices_.wanted.contains(service)) grown.insert(service);
  }
  misnamed_ = services.size() - wanted.size();
  if (wanted == slices_.wanted) return;
  slices_.wanted = std::move(wanted);
  slices_.slices.keep_services(slices_.wanted);
  reports_.set_wanted(slices_.wanted);

  if (slices_.wanted.empty()) {
    for (auto& [name_space, scope] : scopes_) retire_call(scope);
    scopes_.clear();
    uncovered_ = 0;
  } else if (scopes_.empty()) {
    add_scope({}, {fresh_backoff(), environment_.now()});
  } else {
    fit_scopes(grown);
  }
  advance();
}

void ClusterFollower::tick(policy::TimePoint now) {
  ticked_at_ = environment_.now();
  wall_at_tick_ = now;
  note_contact();
  look_at_age(ticked_at_);
  wake();
}

void ClusterFollower::wake() {
  retired_.clear();
  for (auto& [name_space, scope] : scopes_) scope.list_watch.look_at_silence(environment_.now());
  settle();
}

ClusterStatus ClusterFollower::status() const {
  ClusterStatus status;
  status.name = cluster_.name;
  bool all_watch = !scopes_.empty(), any_lists = false;
  for (const auto& [name_space, scope] : scopes_) {
    all_watch = all_watch && scope.list_watch.state() == ListWatch::State::watching;
    any_lists = any_lists || scope.list_watch.state() == ListWatch::State::listing;
    status.stale = status.stale || scope.stale;
    status.dropped = status.dropped || scope.dropped;
  }
  status.state = all_watch ? "watching" : any_lists ? "listing" : "waiting";
  if (contact_at_ && wall_at_tick_)
    status.in_contact_at = *wall_at_tick_ + std::chrono::floor<std::chrono::seconds>(*contact_at_ - ticked_at_);
  status.resource_version = slices_.resource_version;
  status.slices = slices_.slices.size();
  status.reconnections = slices_.reconnections;
  status.relists = slices_.relists;
  status.events = slices_.events;
  status.malformed = slices_.parsed.malformed;
  status.refused = slices_.parsed.refused;
  status.problem = problem();
  return status;
}

std::optional<LiveEndpoints> ClusterFollower::endpoints(const std::string& service) const {
  if (!reports_.knows(service)) return std::nullopt;
  return slices_.slices.endpoints(service);
}

// After everything that came in: who is known now, what is said, what is asked next. The last step may come back here
// through set_wanted(), so nothing follows it.
void ClusterFollower::settle() {
  note_contact();
  choose_scopes();
  advance();
  reports_.tell(slices_.slices.take_touched(), slices_.slices, on_endpoints_);
}

void ClusterFollower::note_contact() {
  for (auto& [name_space, scope] : scopes_) {
    const ListWatch& list_watch = scope.list_watch;
    if (const auto contact_at = list_watch.contact_at()) {
      scope.fresh_at = std::max(scope.fresh_at, *contact_at);
      contact_at_ = std::max(contact_at_.value_or(*contact_at), *contact_at);
    }
    if (std::exchange(scope.lists_seen, list_watch.lists()) == list_watch.lists()) continue;
    scope.dropped = scope.stale = false;
    for (const std::string& service : slices_.wanted)
      if (list_watch.covers(service)) reports_.know(service);
  }
}

// One list of the whole cluster, until that is forbidden; then one of each wanted namespace. When all of those are
// forbidden too, the whole is tried again: rights come and go while we run.
void ClusterFollower::choose_scopes() {
  const auto forbidden = [](const auto& scope) { return scope.second.list_watch.forbidden(); };
  if (scopes_.empty() || !std::all_of(scopes_.begin(), scopes_.end(), forbidden)) return;
  Scopes former = std::exchange(scopes_, {});
  for (auto& [name_space, scope] : former) retire_call(scope);
  const auto soonest = std::min_element(former.begin(), former.end(), [](const auto& a, const auto& b) {
    return a.second.list_watch.due() < b.second.list_watch.due();
  });
  if (former.contains(std::string()))
    replace_scopes(wanted_namespaces(), soonest->second, environment_.now());
  else
    replace_scopes({std::string()}, soonest->second, soonest->second.list_watch.due().value_or(environment_.now()));
}

// What is known stays until the new lists are complete, and ages as before.
void ClusterFollower::replace_scopes(const std::set<std::string>& name_spaces, const Scope& former, Time due) {
  for (const std::string& name_space : name_spaces) {
    Scope& scope = add_scope(name_space, {former.list_watch.backoff(), due, former.list_watch.problem()});
    scope.fresh_at = former.fresh_at;
    scope.stale = former.stale;
    scope.dropped = former.dropped;
  }
  drop_uncovered();
}

ClusterFollower::Scope& ClusterFollower::add_scope(const std::string& name_space, ListWatch::Start start) {
  start.backoff = start.backoff.with_seed(static_cast<std::uint32_t>(seeds_()));
  ListWatch list_watch(name_space, slices_, timing_, std::move(start));
  return scopes_.emplace(name_space, Scope{std::move(list_watch), environment_.now(), false, false, 0, nullptr, 0})
      .first->second;
}

// Slices of services that were not wanted were passed over: what covers one of `grown` is listed again.
void ClusterFollower::fit_scopes(const std::set<std::string>& grown) {
  const Time now = environment_.now();
  const auto name_spaces = scopes_.contains(std::string()) ? std::set<std::string>{{}} : wanted_namespaces();
  for (auto at = scopes_.begin(); at != scopes_.end();) {
    if (!name_spaces.contains(at->first)) retire_call(at->second);
    at = name_spaces.contains(at->first) ? std::next(at) : scopes_.erase(at);
  }
  for (const std::string& name_space : name_spaces) {
    const auto known = scopes_.find(name_space);
    if (known == scopes_.end()) {
      add_scope(name_space, {fresh_backoff(), now});
      continue;
    }
    Scope& scope = known->second;
    bool lacks_one = false;
    for (const std::string& service : grown) {
      if (!scope.list_watch.covers(service)) continue;
      lacks_one = true;
      if (scope.dropped) reports_.drop(service);
    }
    if (lacks_one) scope.list_watch.list_again(now);
  }
  drop_uncovered();
}

// Nobody will say anything of a service that no list covers, so nothing may be allowed for what was once said.
void ClusterFollower::drop_uncovered() {
  uncovered_ = 0;
  if (scopes_.contains(std::string())) return;
  for (const std::string& service : slices_.wanted) {
    if (scopes_.contains(service.substr(0, service.find('/')))) continue;
    reports_.drop(service);
    ++uncovered_;
  }
}

std::set<std::string> ClusterFollower::wanted_namespaces() const {
  std::set<std::string> name_spaces;
  for (const std::string& service : slices_.wanted) {
    if (name_spaces.size() == namespaces_max) break;
    name_spaces.insert(service.substr(0, service.find('/')));
  }
  return name_spaces;
}

void ClusterFollower::look_at_age(Time now) {
  for (auto& [name_space, scope] : scopes_) {
    scope.stale = now - scope.fresh_at > timing_.stale_after;
    if (scope.stale && !scope.dropped && cluster_.on_stale == config::OnStale::drop) drop(scope, now);
  }
}

void ClusterFollower::drop(Scope& scope, Time now) {
  scope.dropped = true;
  slices_.slices.replace(scope.list_watch.name_space(), {});
  for (const std::string& service : slices_.wanted)
    if (scope.list_watch.covers(service)) reports_.drop(service);
  // Events of a watch that comes back to life would tell of changes only: it takes a list to know again.
  if (scope.list_watch.state() == ListWatch::State::watching) scope.list_watch.list_again(now);
}

std::string ClusterFollower::problem() const {
  std::string first;
  std::size_t failing = 0, left_out = 0;
  for (const auto& [name_space, scope] : scopes_) {
    left_out += scope.list_watch.left_out();
    if (scope.list_watch.problem().empty() || failing++ > 0) continue;
    first = name_space.empty() ? "" : "namespace " + name_space + ": ";
    first += scope.list_watch.problem();
  }
  if (failing > 1) first += " (and " + std::to_string(failing - 1) + " more namespaces)";
  if (failing > 0) return first;
  if (left_out > 0)
    return std::to_string(left_out) +
           " EndpointSlices are left out: expected at most 20000 with 262144 addresses and "
           "32 MiB of names and addresses";
  if (uncovered_ > 0)
    return std::to_string(uncovered_) +
           " services are not followed: expected permission for all namespaces, or at "
           "most 256 of them";
  if (misnamed_ > 0) return std::to_string(misnamed_) + " services are not followed: expected names as NAMESPACE/NAME";
  return {};
}

}  // namespace sallyport::controlplane
