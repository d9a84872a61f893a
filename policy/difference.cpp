#include "policy/difference.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "policy/describe.hpp"
#include "policy/difference/port_cells.hpp"
#include "policy/difference/targets.hpp"
#include "policy/indexed_policy.hpp"
#include "policy/ports.hpp"

namespace sallyport::policy {
namespace {

constexpr std::array kinds{ChangeKind::gains, ChangeKind::loses, ChangeKind::changes};

// One kind of change in one cell.
struct CellChange {
  ChangeKind kind = ChangeKind::gains;
  const Rule* before = nullptr;
  const Rule* after = nullptr;
  std::optional<IpAddress> address;  // an example; nothing: everywhere, or not known
  friend bool operator==(const CellChange&, const CellChange&) = default;
};
// At most one of each kind, in their order.
using CellChanges = std::vector<CellChange>;

bool allows(const Rule* rule) {
  return rule != nullptr && rule->action == Action::allow;
}

std::optional<ChangeKind> kind_of(const Rule* before, const Rule* after) {
  if (allows(before) != allows(after)) return allows(after) ? ChangeKind::gains : ChangeKind::loses;
  if (!allows(before)) return std::nullopt;
  const bool same =
      before->name == after->name && before->rate_bits_per_s == after->rate_bits_per_s && before->log == after->log;
  return same ? std::nullopt : std::optional(ChangeKind::changes);
}

std::string words(const Rule* rule, const std::optional<IpAddress>& address) {
  return decision_words({.allowed = allows(rule), .rule = rule}) + (address ? " at " + address->to_string() : "");
}

// What changes for subjects to whom the same rules apply.
class GroupDifference {
 public:
  GroupDifference(const IndexedPolicy& before, const IndexedPolicy& after, std::span<const std::uint32_t> rules_before,
                  std::span<const std::uint32_t> rules_after)
      : before_(before), after_(after), row_before_(before.row(rules_before)), row_after_(after.row(rules_after)) {}

  // Lines without a subject.
  std::vector<AccessChange> lines(const std::vector<Target>& targets) {
    for (const Target& target : targets) add_lines(target);
    return std::move(lines_);
  }

 private:
  void add_lines(const Target& target) {
    std::vector<CellChanges> changes;
    for (const TargetCell& cell : target.cells) changes.push_back(cell_changes(cell));
    if (std::all_of(changes.begin(), changes.end(), [](const CellChanges& cell) { return cell.empty(); })) return;

    std::vector<bool> told(changes.size());
    for (const abi::PortRange& range : target.ranges) add_lines_of_range(target, range, changes, told);
  }

  // One range is one line if all of it changes alike, and else one for each part of it that does. What an earlier range
  // told of is not told again.
  void add_lines_of_range(const Target& target, const abi::PortRange& range, const std::vector<CellChanges>& changes,
                          std::vector<bool>& told) {
    std::vector<std::size_t> inside;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (covers_cell(range, target.cells[i].ports)) inside.push_back(i);
    }
    const bool alike =
        std::all_of(inside.begin(), inside.end(), [&](std::size_t i) { return changes[i] == changes[inside.front()]; });
    std::erase_if(inside, [&](std::size_t i) { return told[i]; });
    if (alike && !inside.empty()) {
      add_lines(target, range, changes[inside.front()]);
    } else {
      add_lines_of_parts(target, inside, changes);
    }
    for (const std::size_t i : inside) told[i] = true;
  }

  void add_lines_of_parts(const Target& target, const std::vector<std::size_t>& cells,
                          const std::vector<CellChanges>& changes) {
    for (std::size_t begin = 0, end = 0; begin < cells.size(); begin = end) {
      end = begin + 1;
      while (end < cells.size() && continues(target, changes, cells[end - 1], cells[end])) ++end;
      abi::PortRange ports = target.cells[cells[begin]].ports;
      ports.last = target.cells[cells[end - 1]].ports.last;
      add_lines(target, ports, changes[cells[begin]]);
    }
  }

  static bool continues(const Target& target, const std::vector<CellChanges>& changes, std::size_t cell,
                        std::size_t next) {
    const abi::PortRange& a = target.cells[cell].ports;
    const abi::PortRange& b = target.cells[next].ports;
    return a.protocol == b.protocol && a.last + 1 == b.first && changes[cell] == changes[next];
  }

  void add_lines(const Target& target, const abi::PortRange& ports, const CellChanges& changes) {
    const std::string text = target.service.empty() ? "*" : target.service + ':' + to_string(ports);
    for (const CellChange& change : changes) {
      lines_.push_back({.kind = change.kind,
                        .target = text,
                        .before = words(change.before, change.address),
                        .after = words(change.after, change.address)});
    }
  }

  CellChanges cell_changes(const TargetCell& cell) const {
    CellChanges all;
    for (const TargetCase& one : cell.cases) {
      const Rule* before = before_.deciding_rule(row_before_, one.before);
      const Rule* after = after_.deciding_rule(row_after_, one.after);
      if (const auto kind = kind_of(before, after)) all.push_back({*kind, before, after, one.address});
    }
    const bool everywhere =
        all.size() == cell.cases.size() && std::all_of(all.begin(), all.end(), [&](const CellChange& change) {
          return change.kind == all[0].kind && change.before == all[0].before && change.after == all[0].after;
        });
    CellChanges result;
    for (const ChangeKind kind : kinds) {
      const auto first =
          std::find_if(all.begin(), all.end(), [&](const CellChange& change) { return change.kind == kind; });
      if (first == all.end()) continue;
      result.push_back(*first);
      if (everywhere) result.back().address.reset();
    }
    return result;
  }

  const IndexedPolicy& before_;
  const IndexedPolicy& after_;
  VerdictRow row_before_;
  VerdictRow row_after_;
  std::vector<AccessChange> lines_;
};

void collect_nets(const Policy& policy, std::set<IpPrefix>& nets) {
  for (const Rule& rule : policy.rules) {
    for (const Selector& selector : rule.from) {
      if (selector.kind == SelectorKind::net) nets.insert(selector.net);
      if (selector.kind != SelectorKind::any) continue;
      nets.insert({IpAddress{.family = IpFamily::v4}, 0});
      nets.insert({IpAddress{.family = IpFamily::v6}, 0});
    }
  }
}

std::vector<Subject> with_nets(std::vector<Subject> subjects, const Policy& before, const Policy& after) {
  std::set<IpPrefix> nets;
  collect_nets(before, nets);
  collect_nets(after, nets);
  for (const Subject& subject : subjects) nets.erase(subject.facts.net);
  for (const IpPrefix& net : nets) subjects.push_back({"net:" + net.to_string(), {.net = net}});
  return subjects;
}

}  // namespace

std::string_view name_of(ChangeKind kind) noexcept {
  switch (kind) {
    case ChangeKind::gains:
      return "gains";
    case ChangeKind::loses:
      return "loses";
    case ChangeKind::changes:
      return "changes";
  }
  return "unknown";
}

std::vector<AccessChange> difference(const Policy& before, const Policy& after, const std::vector<Subject>& subjects,
                                     const Endpoints& endpoints, TimePoint at) {
  const IndexedPolicy old_version(before);
  const IndexedPolicy new_version(after);
  const std::vector<Target> targets = difference_targets(before, after, endpoints);

  using Rules = std::vector<std::uint32_t>;
  std::map<std::pair<Rules, Rules>, std::vector<AccessChange>> lines_of_group;
  std::vector<AccessChange> result;
  for (const Subject& subject : with_nets(subjects, before, after)) {
    const std::pair<Rules, Rules> rules{old_version.rules_in_force(subject.facts, at),
                                        new_version.rules_in_force(subject.facts, at)};
    auto group = lines_of_group.find(rules);
    if (group == lines_of_group.end()) {
      GroupDifference of_group(old_version, new_version, rules.first, rules.second);
      group = lines_of_group.emplace(rules, of_group.lines(targets)).first;
    }
    for (const AccessChange& line : group->second) {
      result.push_back(line);
      result.back().subject = subject.name;
    }
  }
  return result;
}

}  // namespace sallyport::policy
