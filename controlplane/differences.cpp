#include "controlplane/differences.hpp"

#include <algorithm>
#include <utility>

#include "config/base/log.hpp"
#include "dataplane/abi/digest.hpp"

namespace sallyport::controlplane {
namespace {

std::string counted(std::uint64_t wanted, std::uint64_t found) {
  return "the dataplane has " + std::to_string(found) + ", and should have " + std::to_string(wanted);
}

// Empty: it is as it should be.
std::string why_peer_differs(const abi::SetPeer& wanted, const abi::StatisticsView& statistics) {
  if (wanted.peer_id >= statistics.max_peers()) return "its number is beyond the dataplane's table";
  const auto status = statistics.peer(wanted.peer_id);
  if (!status) return {};  // being written
  if (status->live == 0) return "the dataplane does not have it";
  if (status->key != wanted.key) return "the dataplane has another key for it";
  if (status->tunnel_id != wanted.tunnel_id) return "the dataplane has it on another interface";
  return {};
}

std::string why_session_differs(const SessionIndices& indices, const abi::SessionStatusValue& status) {
  const auto owner = indices.find(wireguard::LocalIndex{status.index});
  if (!owner) return "the dataplane has it, and nobody else knows it";
  if (owner->peer_id == abi::no_peer) return {};  // SessionIndices::reconcile() learns what it is
  if (owner->session_id != 0 && owner->session_id != status.session_id) return "the dataplane has another one there";
  if (owner->peer_id != status.peer_id) return "the dataplane has it for another peer";
  return {};
}

}  // namespace

void Differences::clear() {
  *this = {};
}

void Differences::look(const Publisher& publisher, const SessionIndices& indices, const abi::StatisticsView& statistics,
                       std::uint64_t now_ns) {
  news_.clear();
  if (!publisher.synchronised()) return;
  look_at_peers(publisher, statistics);
  look_at_sessions(indices, statistics);
  look_at_totals(publisher, statistics, now_ns);
}

// `why` empty: it is well. What differs in another way than before begins to count anew.
void Differences::judge(Suspects& suspects, const std::string& what, const std::string& why) {
  if (why.empty()) {
    suspects.erase(what);
    return;
  }
  if (!suspects.contains(what) && suspects.size() >= suspects_max) return;
  Suspect& suspect = suspects[what];
  if (suspect.why != why) suspect = {why, 0};
  if (++suspect.looks == looks_needed) news_.push_back({what, why});
}

void Differences::look_at_peers(const Publisher& publisher, const abi::StatisticsView& statistics) {
  const auto& peers = publisher.desired().peers;
  // 1. Those that differed. A number that has another owner, or none, is judged under its new name.
  for (auto entry = peers_to_see_.begin(); entry != peers_to_see_.end();) {
    const auto wanted = peers.find(entry->first);
    const std::string what = wanted == peers.end() ? std::string() : "peer " + wanted->second.name;
    const bool is_told = what != entry->second || publisher.refused().contains(Subject::peer(entry->first));
    const std::string why = is_told ? "" : why_peer_differs(wanted->second.message, statistics);
    judge(peers_, entry->second, why);
    entry = why.empty() ? peers_to_see_.erase(entry) : std::next(entry);
  }
  // 2. The next ones.
  auto at = peers.lower_bound(next_peer_);
  for (std::uint32_t looked = 0; looked < peers_per_look && at != peers.end(); ++looked, ++at) {
    if (peers_to_see_.size() >= suspects_max) break;
    if (peers_to_see_.contains(at->first) || publisher.refused().contains(Subject::peer(at->first))) continue;
    const std::string why = why_peer_differs(at->second.message, statistics);
    if (why.empty()) continue;
    const std::string what = "peer " + at->second.name;
    peers_to_see_[at->first] = what;
    judge(peers_, what, why);
  }
  next_peer_ = at == peers.end() ? 0 : at->first;
}

void Differences::look_at_sessions(const SessionIndices& indices, const abi::StatisticsView& statistics) {
  if (statistics.max_sessions() == 0 || indices.max_sessions() != statistics.max_sessions()) return;
  const auto look = [&](std::uint32_t slot) {
    const auto status = statistics.session(slot);
    const bool is_there = status && status->state != abi::SessionState::none;
    const std::string why = is_there ? why_session_differs(indices, *status) : std::string();
    return std::pair(is_there ? "session " + hex(status->index) : std::string(), why);
  };
  for (auto entry = sessions_to_see_.begin(); entry != sessions_to_see_.end();) {
    const auto [what, why] = look(entry->first);
    const bool still = what == entry->second && !why.empty();
    judge(sessions_, entry->second, still ? why : std::string());
    entry = still ? std::next(entry) : sessions_to_see_.erase(entry);
  }
  const std::uint32_t turn = statistics.max_sessions() / session_rounds + 1;
  for (std::uint32_t looked = 0; looked < turn && sessions_to_see_.size() < suspects_max; ++looked) {
    const std::uint32_t slot = next_slot_++ % statistics.max_sessions();
    if (sessions_to_see_.contains(slot)) continue;
    const auto [what, why] = look(slot);
    if (why.empty()) continue;
    sessions_to_see_[slot] = what;
    judge(sessions_, what, why);
  }
}

void Differences::look_at_totals(const Publisher& publisher, const abi::StatisticsView& statistics,
                                 std::uint64_t now_ns) {
  const abi::StatisticsHeader& header = statistics.header();
  const std::uint64_t sequence = publisher.state_sequence();
  const bool at_rest = publisher.policy_settled() && sequence == sequence_;
  sequence_ = sequence;
  if (at_rest && header.updated_at_ns.load(std::memory_order_acquire) <= looked_at_ns_) return;
  looked_at_ns_ = now_ns;
  if (!at_rest) return;

  const DesiredState& desired = publisher.desired();
  if (version_ != publisher.desired_version()) {
    version_ = publisher.desired_version();
    tunnels_digest_ = routes_digest_ = 0;
    for (const auto& [id, tunnel] : desired.tunnels) tunnels_digest_ += abi::digest_of(tunnel.message);
    for (const auto& [prefix, route] : desired.routes) routes_digest_ += abi::digest_of(route.message);
  }
  const auto read = [](const std::atomic<std::uint64_t>& value) { return value.load(std::memory_order_relaxed); };
  const auto compare = [&](const std::string& what, std::uint64_t wanted, std::uint64_t found, bool same = true) {
    judge(totals_, what,
          wanted != found ? counted(wanted, found)
          : same          ? ""
                          : "the dataplane has as many as it should, but not the same");
  };
  // What was refused may be missing, or be there as it was before: that is told by name.
  const auto compare_kind = [&](const std::string& what, SubjectKind kind, std::uint64_t wanted, std::uint64_t found,
                                bool same = true) {
    const std::uint64_t refused = publisher.refused().count(kind);
    if (refused == 0) return compare(what, wanted, found, same);
    compare(what, std::clamp(found, wanted - std::min(wanted, refused), wanted), found);
  };
  const abi::Holdings& held = header.holdings;
  compare_kind("interfaces", SubjectKind::tunnel, desired.tunnels.size(), read(held.tunnels),
               read(held.tunnels_digest) == tunnels_digest_);
  compare_kind("peers", SubjectKind::peer, desired.peers.size(), read(header.live_peers));
  compare_kind("routes", SubjectKind::route, desired.routes.size(), read(held.routes),
               read(held.routes_digest) == routes_digest_);

  const DesiredPolicy& policy = publisher.policy();
  const bool in_force = policy.image == 0 || read(header.policy_image) == policy.image;
  judge(
      totals_, "policy",
      in_force ? "" : "generation " + std::to_string(policy.generation) + " is not the one in force in the dataplane");
  const bool has_parts = policy.image != 0 && !policy.allow_all && in_force;
  const auto compare_parts = [&](const std::string& what, SubjectKind kind, std::uint64_t wanted, std::uint64_t found) {
    compare_kind("policy " + what, kind, has_parts ? wanted : 0, has_parts ? found : 0);
  };
  compare_parts("source classes", SubjectKind::source_class, policy.source_classes.size(), read(held.source_classes));
  compare_parts("destination classes", SubjectKind::destination_class, policy.destination_classes.size(),
                read(held.destination_classes));
  compare_parts("addresses", SubjectKind::address, policy.addresses.size(), read(held.addresses));
  compare_parts("accesses of peers", SubjectKind::peer_access, policy.peers.size(), read(held.peers_with_access));
}

std::vector<Problem> Differences::problems() const {
  std::vector<Problem> list;
  for (const Suspects* suspects : {&totals_, &peers_, &sessions_})
    for (const auto& [what, suspect] : *suspects)
      if (suspect.looks >= looks_needed) list.push_back({what, suspect.why});
  return list;
}

}  // namespace sallyport::controlplane
