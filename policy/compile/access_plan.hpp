// What a source may do, now and after each of the next changes, as rows: which rules are in force when.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/compile/hours_timeline.hpp"
#include "policy/model.hpp"
#include "policy/verdict_row.hpp"

namespace sallyport::policy {

using RowPointer = std::shared_ptr<const VerdictRow>;

struct AccessPlan {
  struct Step {
    TimePoint begin;
    RowPointer row;
  };
  RowPointer now;
  std::vector<Step> steps;  // at most abi::max_access_steps
};

class AccessPlanner {
 public:
  // Both must stay where they are.
  AccessPlanner(const Policy& policy, const RuleTargets& targets);

  // `rules`: those whose `from` matches the facts, rising.
  [[nodiscard]] AccessPlan plan(std::span<const std::uint32_t> rules, const Facts& facts, TimePoint now);
  void forget_rows() { rows_.clear(); }

 private:
  using Rules = std::vector<std::uint32_t>;
  // A shadowed rule may begin and end for ever without a change for anybody: we look at so many instants.
  static constexpr unsigned max_instants = 64;
  static constexpr std::size_t max_remembered_rows = 65536;

  struct Timetable {
    Rules constant;  // in force from now on, for ever
    Rules moving;
  };
  [[nodiscard]] Timetable timetable(std::span<const std::uint32_t> rules, const Facts& facts, TimePoint now);
  [[nodiscard]] bool in_force(std::uint32_t rule, const Facts& facts, TimePoint at);
  [[nodiscard]] std::optional<TimePoint> next_change(std::uint32_t rule, const Facts& facts, TimePoint at);
  [[nodiscard]] std::optional<TimePoint> next_change(const Timetable& timetable, const Facts& facts, TimePoint at);
  [[nodiscard]] RowPointer row_at(const Timetable& timetable, const Facts& facts, TimePoint at);
  // Never gives more than the policy will from `from` on: allow rules that do not end any more, and every deny rule
  // that may come.
  [[nodiscard]] RowPointer lasting_row(const Timetable& timetable, const Facts& facts, TimePoint from);
  [[nodiscard]] RowPointer row_of(Rules rules);

  const Policy* policy_;
  const RuleTargets* targets_;
  std::map<std::string, HoursTimeline> timelines_;  // by the text of the hours
  std::vector<std::vector<HoursTimeline*>> hours_of_rule_;
  std::map<Rules, RowPointer> rows_;
};

}  // namespace sallyport::policy
