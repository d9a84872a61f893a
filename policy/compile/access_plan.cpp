#include "policy/compile/access_plan.hpp"

#include <algorithm>

#include "policy/conditions.hpp"

namespace sallyport::policy {

AccessPlanner::AccessPlanner(const Policy& policy, const RuleTargets& targets)
    : policy_(&policy), targets_(&targets), hours_of_rule_(policy.rules.size()) {
  for (std::size_t rule = 0; rule < policy.rules.size(); ++rule) {
    for (const Hours& hours : policy.rules[rule].hours) {
      hours_of_rule_[rule].push_back(&timelines_.try_emplace(hours.text, hours).first->second);
    }
  }
}

AccessPlan AccessPlanner::plan(std::span<const std::uint32_t> rules, const Facts& facts, TimePoint now) {
  const Timetable times = timetable(rules, facts, now);
  AccessPlan plan{.now = row_at(times, facts, now)};
  const auto& steps = plan.steps;
  const auto last_row = [&]() -> const VerdictRow& { return steps.empty() ? *plan.now : *steps.back().row; };

  TimePoint at = now;
  for (unsigned instants = 0; const auto next = next_change(times, facts, at); ++instants) {
    at = *next;
    const bool looked_far = instants == max_instants;
    const RowPointer row = looked_far ? lasting_row(times, facts, at) : row_at(times, facts, at);
    if (*row != last_row()) {
      if (steps.size() == abi::max_access_steps) {
        const TimePoint begin = steps.back().begin;
        plan.steps.pop_back();
        if (const RowPointer lasting = lasting_row(times, facts, begin); *lasting != last_row()) {
          plan.steps.push_back({begin, lasting});
        }
        return plan;
      }
      plan.steps.push_back({at, row});
    }
    if (looked_far) return plan;
  }
  return plan;
}

AccessPlanner::Timetable AccessPlanner::timetable(std::span<const std::uint32_t> rules, const Facts& facts,
                                                  TimePoint now) {
  Timetable result;
  for (const std::uint32_t rule : rules) {
    if (next_change(rule, facts, now)) {
      // Time may end a posture but never brings one: without it now, the rule never comes into force.
      if (posture_holds(*policy_, policy_->rules[rule], facts, now)) result.moving.push_back(rule);
    } else if (in_force(rule, facts, now)) {
      result.constant.push_back(rule);
    }
  }
  return result;
}

bool AccessPlanner::in_force(std::uint32_t rule, const Facts& facts, TimePoint at) {
  if (!conditions_besides_hours_hold(*policy_, policy_->rules[rule], facts, at)) return false;
  const auto& hours = hours_of_rule_[rule];
  return hours.empty() ||
         std::any_of(hours.begin(), hours.end(), [at](HoursTimeline* timeline) { return timeline->contains(at); });
}

std::optional<TimePoint> AccessPlanner::next_change(std::uint32_t rule, const Facts& facts, TimePoint at) {
  if (is_over(policy_->rules[rule], facts, at)) return std::nullopt;
  auto next = next_change_besides_hours(policy_->rules[rule], facts, at);
  for (HoursTimeline* timeline : hours_of_rule_[rule]) next = earlier(next, timeline->next_change(at));
  return next;
}

std::optional<TimePoint> AccessPlanner::next_change(const Timetable& timetable, const Facts& facts, TimePoint at) {
  std::optional<TimePoint> next;
  for (const std::uint32_t rule : timetable.moving) next = earlier(next, next_change(rule, facts, at));
  return next;
}

RowPointer AccessPlanner::row_at(const Timetable& timetable, const Facts& facts, TimePoint at) {
  Rules rules = timetable.constant;
  for (const std::uint32_t rule : timetable.moving) {
    if (in_force(rule, facts, at)) rules.push_back(rule);
  }
  return row_of(std::move(rules));
}

RowPointer AccessPlanner::lasting_row(const Timetable& timetable, const Facts& facts, TimePoint from) {
  Rules rules = timetable.constant;
  for (const std::uint32_t rule : timetable.moving) {
    const bool is_deny = policy_->rules[rule].action == Action::deny;
    const bool may_change = next_change(rule, facts, from).has_value();
    if (is_deny ? may_change || in_force(rule, facts, from) : !may_change && in_force(rule, facts, from)) {
      rules.push_back(rule);
    }
  }
  return row_of(std::move(rules));
}

RowPointer AccessPlanner::row_of(Rules rules) {
  std::sort(rules.begin(), rules.end());
  if (const auto known = rows_.find(rules); known != rows_.end()) return known->second;
  if (rows_.size() >= max_remembered_rows) rows_.clear();
  auto row = std::make_shared<const VerdictRow>(targets_->row(rules));
  return rows_.emplace(std::move(rules), std::move(row)).first->second;
}

}  // namespace sallyport::policy
