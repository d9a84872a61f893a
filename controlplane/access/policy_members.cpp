// What peers and addresses may do under the policy in force, and until when.
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "config/base/log.hpp"
#include "controlplane/access/policy_service.hpp"
#include "controlplane/runtime/instant_now.hpp"

namespace sallyport::controlplane {
namespace {

using std::chrono::nanoseconds;

// Slewing moves the clocks apart slowly; steps on their way are this far off at the most.
constexpr nanoseconds clock_tolerance = std::chrono::milliseconds(50);

// For what could not be computed because there are too many classes.
constexpr std::chrono::minutes class_retry_interval{1};

std::optional<policy::TimePoint> first_step(const policy::SourceAccess& access) {
  if (access.steps.empty()) return std::nullopt;
  return access.steps.front().not_after;
}

}  // namespace

// ---- peers ----

// Who has what under a version that comes into force. Nothing of the version before counts any more.
void PolicyService::take_members(Prepared& prepared, std::span<const Peer> peers, const IdOf& id_of,
                                 wireguard::Instant now) {
  rename_peers(renames_among(peers, id_of));
  clock_offset_ = now.wall.time_since_epoch() - now.boot.time_since_epoch();
  source_uses_.clear();
  destination_uses_.clear();
  due_.clear();
  addresses_.clear();
  addresses_due_.reset();
  addresses_failure_.clear();
  keep_members(peers);
  for (auto& [name, member] : members_) {
    member.access = {};
    member.destination_class = 0;
    member.due.reset();
    member.failure.clear();
  }
  for (const Peer& peer : peers) {
    Member& member = members_[peer.name];
    const auto compiled = prepared.peers.find(peer.name);
    member.name = peer.name;
    member.facts = peer.facts;
    if (compiled != prepared.peers.end()) take(member, compiled->second.source, compiled->second.destination_class);
  }
  set_ids(peers, id_of);
  hold_addresses(std::move(prepared.addresses));
}

void PolicyService::set_peers(std::span<const Peer> peers, const IdOf& id_of, wireguard::Instant now) {
  rename_peers(renames_among(peers, id_of));
  keep_members(peers);
  std::vector<Member*> changed;
  for (const Peer& peer : peers)
    if (update_facts(peer)) changed.push_back(&members_.at(peer.name));
  set_ids(peers, id_of);
  for (Member* member : changed) compile(*member, now);
  for (const auto& [id, member] : by_id_) publish(*member);
}

void PolicyService::set_peer(const Peer& peer, std::optional<std::uint32_t> id, wireguard::Instant now) {
  const bool changed = update_facts(peer);
  Member& member = members_.at(peer.name);
  set_id(member, peer.identity(), id);
  if (changed) compile(member, now);
  publish(member);
}

// True if the peer is new, or the policy must look at it anew.
bool PolicyService::update_facts(const Peer& peer) {
  const auto [found, is_new] = members_.try_emplace(peer.name);
  Member& member = found->second;
  member.name = peer.name;
  if (!is_new && member.facts == peer.facts) return false;
  member.facts = peer.facts;
  return true;
}

void PolicyService::keep_members(std::span<const Peer> peers) {
  std::set<std::string_view> wanted;
  for (const Peer& peer : peers) wanted.insert(peer.name);
  std::vector<std::string> gone;
  for (const auto& [name, member] : members_)
    if (!wanted.contains(name)) gone.push_back(name);
  for (const std::string& name : gone) remove_peer(name);
}

// By rising ids: an identity's number is the lowest of its peers'.
void PolicyService::set_ids(std::span<const Peer> peers, const IdOf& id_of) {
  std::vector<std::pair<std::optional<std::uint32_t>, const Peer*>> ordered;
  ordered.reserve(peers.size());
  for (const Peer& peer : peers) ordered.emplace_back(id_of(peer), &peer);
  std::sort(ordered.begin(), ordered.end());
  for (const auto& [id, peer] : ordered) set_id(members_.at(peer->name), peer->identity(), id);
}

void PolicyService::remove_peer(const std::string& name) {
  const auto found = members_.find(name);
  if (found == members_.end()) return;
  release(found->second);
  set_due(found->second, std::nullopt);
  set_id(found->second, {}, std::nullopt);
  members_.erase(found);
}

void PolicyService::rename_peers(const Renames& renames) {
  std::vector<std::unordered_map<std::string, Member>::node_type> moved;
  for (const auto& [before, after] : renames) {
    auto node = members_.extract(before);
    if (node.empty()) continue;
    Member& member = node.mapped();
    if (member.due) due_.erase({*member.due, member.name});
    node.key() = member.name = after;
    if (member.due) due_.emplace(*member.due, member.name);
    moved.push_back(std::move(node));
  }
  for (auto& node : moved) {
    remove_peer(node.key());  // who had the name ends
    members_.insert(std::move(node));
  }
}

// Peers of the configuration that have the number of one that was called otherwise.
Renames PolicyService::renames_among(std::span<const Peer> peers, const IdOf& id_of) const {
  Renames renames;
  for (const Peer& peer : peers) {
    const auto id = id_of(peer);
    const auto known = id ? by_id_.find(*id) : by_id_.end();
    if (known != by_id_.end() && known->second->name != peer.name) renames[known->second->name] = peer.name;
  }
  return renames;
}

void PolicyService::set_id(Member& member, const std::string& identity, std::optional<std::uint32_t> id) {
  if (member.id == id && member.identity == identity) return;
  leave_group(member);
  member.identity = identity;
  member.id = id;
  if (!id) return;
  by_id_[*id] = &member;
  if (identity.empty()) return;
  Group& group = groups_[identity];
  if (group.ids.empty()) group.number = *id;
  group.ids.insert(*id);
}

void PolicyService::leave_group(const Member& member) {
  if (!member.id) return;
  if (const auto known = by_id_.find(*member.id); known != by_id_.end() && known->second == &member)
    by_id_.erase(known);
  const auto found = groups_.find(member.identity);
  if (member.identity.empty() || found == groups_.end()) return;
  Group& group = found->second;
  group.ids.erase(*member.id);
  if (group.ids.empty()) {
    groups_.erase(found);
  } else if (group.number == *member.id) {
    // Its number may go to a stranger. The one in the middle stays longest, whether the oldest or the newest peers go
    // first, so that the others rarely hear of another number.
    group.number = *std::next(group.ids.begin(), static_cast<std::ptrdiff_t>(group.ids.size() / 2));
    for (const std::uint32_t other : group.ids)
      if (const auto peer = by_id_.find(other); peer != by_id_.end()) publish(*peer->second);
  }
}

std::uint32_t PolicyService::identity_number(const Member& member) const {
  const auto group = groups_.find(member.identity);
  return member.identity.empty() || group == groups_.end() ? *member.id : group->second.number;
}

void PolicyService::compile(Member& member, wireguard::Instant now) {
  if (!compiler_) return;
  ++compilations_;
  const auto access = compiler_->access(member.facts, seconds_of(now));
  const auto destination = compiler_->destination_class(member.facts);
  std::string failure = !access ? access.error() : !destination ? destination.error() : std::string();
  if (!failure.empty()) {
    ++failures_;
    unused_classes_ = true;
    if (member.failure != failure) log_error("peer has no access", {{"peer", member.name}, {"why", failure}});
  }
  release(member);
  member.failure = std::move(failure);
  if (member.failure.empty()) return take(member, *access, *destination);
  // As a destination it stays in its services: deny rules may name them.
  take(member, {}, destination.value_or(0));
  set_due(member, seconds_of(now) + class_retry_interval);  // others may have given up a class by then
}

// The caller published or will.
void PolicyService::take(Member& member, const policy::SourceAccess& access, std::uint32_t destination_class) {
  member.access = access;
  member.destination_class = destination_class;
  use(access, {destination_class}, 1);
  set_due(member, first_step(access));
}

void PolicyService::release(const Member& member) {
  use(member.access, {member.destination_class}, -1);
}

void PolicyService::publish(const Member& member) {
  if (!compiler_ || !member.id) return;
  announce(member.access, {member.destination_class});
  publisher_.set_peer_access(message(member));
}

void PolicyService::set_due(Member& member, std::optional<policy::TimePoint> due) {
  if (member.due == due) return;
  if (member.due) due_.erase({*member.due, member.name});
  member.due = due;
  if (due) due_.emplace(*due, member.name);
}

// ---- addresses ----

void PolicyService::recompute_addresses(wireguard::Instant now) {
  auto addresses = compiler_->addresses(endpoints_, draining_, seconds_of(now));
  if (addresses) {
    addresses_failure_.clear();
    return set_addresses(std::move(*addresses));
  }
  // Those that it has end by their own steps. Again in a while.
  if (addresses_failure_ != addresses.error())
    log_error("policy addresses not recomputed", {{"why", addresses.error()}});
  addresses_failure_ = addresses.error();
  unused_classes_ = true;
  if (addresses_due_) due_.erase({*addresses_due_, {}});
  addresses_due_ = seconds_of(now) + class_retry_interval;
  due_.emplace(*addresses_due_, std::string());
}

void PolicyService::set_addresses(std::map<IpPrefix, policy::AddressEntry> addresses) {
  const auto before = addresses_;
  hold_addresses(std::move(addresses));
  for (const auto& [prefix, entry] : addresses_) {
    announce(entry.access, {entry.destination_class, entry.opening_class});
    publisher_.set_address(message(prefix, entry));
  }
  for (const auto& [prefix, entry] : before)
    if (!addresses_.contains(prefix)) publisher_.remove_address(prefix);
}

void PolicyService::hold_addresses(std::map<IpPrefix, policy::AddressEntry> addresses) {
  const auto before = std::exchange(addresses_, std::move(addresses));
  if (addresses_due_) due_.erase({*addresses_due_, {}});
  addresses_due_.reset();
  for (const auto& [prefix, entry] : addresses_) {
    use(entry.access, {entry.destination_class, entry.opening_class}, 1);
    const auto step = first_step(entry.access);
    if (step && (!addresses_due_ || *step < *addresses_due_)) addresses_due_ = step;
  }
  for (const auto& [prefix, entry] : before) use(entry.access, {entry.destination_class, entry.opening_class}, -1);
  if (addresses_due_) due_.emplace(*addresses_due_, std::string());
}

// ---- time ----

bool PolicyService::refresh(wireguard::Instant now, std::size_t most) {
  const nanoseconds offset = now.wall.time_since_epoch() - now.boot.time_since_epoch();
  if (!clock_offset_ || std::chrono::abs(offset - *clock_offset_) > clock_tolerance) on_clock_step(now);
  const policy::TimePoint at = seconds_of(now);
  while (!due_.empty() && due_.begin()->first <= at) {
    if (most-- == 0) return true;
    const std::string name = due_.begin()->second;
    due_.erase(due_.begin());
    if (name.empty()) {
      addresses_due_.reset();
      recompute_addresses(now);
      continue;
    }
    Member& member = members_.at(name);
    member.due.reset();
    compile(member, now);
    publish(member);
  }
  return false;
}

void PolicyService::on_clock_step(wireguard::Instant now) {
  clock_offset_ = now.wall.time_since_epoch() - now.boot.time_since_epoch();
  if (!compiler_) return;
  const policy::TimePoint at = seconds_of(now);
  due_.clear();
  addresses_due_ = at;
  due_.emplace(at, std::string());
  for (auto& [name, member] : members_) {
    member.due = at;
    due_.emplace(at, name);
  }
}

// ---- what is ----

std::string PolicyService::identity_of(std::uint32_t peer_id) const {
  const auto found = by_id_.find(peer_id);
  if (found == by_id_.end()) return {};
  return found->second->identity.empty() ? found->second->name : found->second->identity;
}

PeerIdentity PolicyService::view(const Peer& peer) const {
  PeerIdentity view{.facts = peer.facts};
  const auto found = members_.find(peer.name);
  if (found == members_.end()) return view;
  const Member& member = found->second;
  view.peer_id = member.id.value_or(abi::no_peer);
  view.source_class = member.access.source_class;
  if (!compiler_) return view;
  const auto row = compiler_->source_classes().find(view.source_class);
  if (row == compiler_->source_classes().end()) return view;
  std::set<std::uint32_t> numbers;
  for (const abi::RowEntry& entry : row->second) numbers.insert({entry.rule, entry.audit_rule});
  std::vector<const policy::Rule*> rules;
  for (const std::uint32_t number : numbers)
    if (const policy::Rule* found_rule = rule(number)) rules.push_back(found_rule);
  std::sort(rules.begin(), rules.end());  // they lie in one vector, by rank
  for (const policy::Rule* one : rules) view.rules.push_back(one->name);
  return view;
}

}  // namespace sallyport::controlplane
