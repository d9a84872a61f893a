#include "policy/check/resolved_groups.hpp"

#include <algorithm>
#include <unordered_set>

#include "policy/limits.hpp"

namespace sallyport::policy {
namespace {

enum class Visit { none, begun, done };

// Depth first over groups in groups, without recursion: a chain may be as long as there are groups.
class Walk {
 public:
  Walk(Draft& draft, const std::vector<std::vector<std::size_t>>& inner)
      : draft_(draft), inner_(inner), visits_(inner.size(), Visit::none) {}

  // Every group after the groups in it. Loops are reported.
  std::vector<std::size_t> run() {
    for (std::size_t group = 0; group < inner_.size(); ++group) visit_from(group);
    return std::move(order_);
  }

 private:
  struct Step {
    std::size_t group;
    std::size_t next = 0;  // of its inner groups
  };

  void visit_from(std::size_t start) {
    if (visits_[start] != Visit::none) return;
    begin(start);
    while (!path_.empty()) {
      Step& step = path_.back();
      const auto& inner = inner_[step.group];
      if (step.next == inner.size()) {
        visits_[step.group] = Visit::done;
        order_.push_back(step.group);
        path_.pop_back();
        continue;
      }
      const std::size_t group = inner[step.next++];
      if (visits_[group] == Visit::none)
        begin(group);
      else if (visits_[group] == Visit::begun)
        report_loop(group);
    }
  }

  void begin(std::size_t group) {
    visits_[group] = Visit::begun;
    path_.push_back({group});
  }

  // From `group`, which is on the path, to the end of the path and back.
  void report_loop(std::size_t group) {
    constexpr std::size_t most_names = 16;
    auto step = std::find_if(path_.begin(), path_.end(), [&](const Step& each) { return each.group == group; });
    std::string loop;
    for (std::size_t names = 0; step != path_.end() && names <= most_names; ++step, ++names)
      loop += (names == most_names ? "..." : draft_.groups[step->group].name) + " -> ";
    const Group& last = draft_.groups[path_.back().group];
    const auto member = std::find_if(last.members.begin(), last.members.end(), [&](const Selector& selector) {
      return selector.kind == SelectorKind::group && selector.value == draft_.groups[group].name;
    });
    draft_.report(member->location,
                  "group " + last.name + ": expected no loop, got " + loop + draft_.groups[group].name);
  }

  Draft& draft_;
  const std::vector<std::vector<std::size_t>>& inner_;
  std::vector<Visit> visits_;
  std::vector<Step> path_;
  std::vector<std::size_t> order_;
};

}  // namespace

ResolvedGroups::ResolvedGroups(Draft& draft)
    : names_("group", draft.groups), inner_(draft.groups.size()), members_(draft.groups.size()) {
  for (std::size_t i = 0; i < draft.groups.size(); ++i)
    for (const Selector& member : draft.groups[i].members)
      if (member.kind == SelectorKind::group)
        if (const auto* found =
                names_.find_or_report(draft, member.value, member.location, "group " + draft.groups[i].name))
          inner_[i].push_back(*found);
  for (const std::size_t group : Walk(draft, inner_).run()) resolve(draft, group);
}

void ResolvedGroups::resolve(Draft& draft, std::size_t group) {
  Members& members = members_[group];
  if (total_ > limits::resolved_members) return;  // reported
  total_ += draft.groups[group].members.size();
  for (const std::size_t inner : inner_[group]) total_ += members_[inner].all.size();
  if (total_ > limits::resolved_members)
    return draft.report(draft.groups[group].location, "expected groups that come to at most " +
                                                          std::to_string(limits::resolved_members) +
                                                          " members, those of groups in groups counted again");
  std::unordered_set<std::string_view> seen;
  const auto add = [&](const Selector* selector) {
    if (!seen.insert(selector->text).second) return;
    members.all.push_back(selector);
    if (members.claim == nullptr && selector->kind == SelectorKind::claim) members.claim = selector;
    if (members.net == nullptr && selector->kind == SelectorKind::net) members.net = selector;
  };
  for (const Selector& member : draft.groups[group].members) {
    if (member.kind != SelectorKind::group) {
      add(&member);
    } else if (const Members* inner = find(member.value)) {
      for (const Selector* selector : inner->all) add(selector);
    }
  }
}

const ResolvedGroups::Members* ResolvedGroups::find(std::string_view name) const {
  const std::size_t* found = names_.find(name);
  return found == nullptr ? nullptr : &members_[*found];
}

const ResolvedGroups::Members* ResolvedGroups::find_or_report(Draft& draft, const Selector& selector,
                                                              std::string_view key) const {
  const std::size_t* found = names_.find_or_report(draft, selector.value, selector.location, key);
  return found == nullptr ? nullptr : &members_[*found];
}

}  // namespace sallyport::policy
