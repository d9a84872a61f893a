#include "controlplane/access/audit_trail.hpp"

#include <utility>

#include "controlplane/access/policy_summary.hpp"

namespace sallyport::controlplane {
namespace {

constexpr std::size_t summary_lines_stored = 100;

}  // namespace

void AuditTrail::add(PolicyChange change, StoreChange& to_store) {
  change.summary = shortened(std::move(change.summary), summary_lines_stored);
  const std::int64_t number = changes_.empty() ? 1 : changes_.rbegin()->first + 1;
  to_store.set.policy_changes[number] = change;
  changes_[number] = std::move(change);
  while (changes_.size() > static_cast<std::size_t>(Store::policy_changes_max)) changes_.erase(changes_.begin());
}

void AuditTrail::set_git(std::uint32_t generation, const std::string& commit, const std::string& author,
                         StoreChange& to_store) {
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (!change->second.applied || change->second.generation != generation) continue;
    change->second.git_commit = commit;
    change->second.git_author = author;
    to_store.set.policy_changes[change->first] = change->second;
    return;
  }
}

std::vector<PolicyChange> AuditTrail::newest(std::size_t most) const {
  std::vector<PolicyChange> list;
  for (auto change = changes_.rbegin(); change != changes_.rend() && list.size() < most; ++change)
    list.push_back(change->second);
  return list;
}

}  // namespace sallyport::controlplane
