#include "controlplane/api/diagnose/policy_checks.hpp"

#include "policy/describe.hpp"

namespace sallyport::controlplane::diagnose {
namespace {

std::string idle_words(const std::vector<ClassSeen::Idle>& idle) {
  std::vector<std::string> words;
  for (const ClassSeen::Idle& rule : idle) words.push_back(rule.rule + " (" + rule.why_not + ')');
  return first_few(words);
}

std::string blocked_words(const RuleSeen::Blocked& blocked) {
  return blocked.service + ": " + blocked.why_not;
}

}  // namespace

Check check_class(const ClassSeen& seen) {
  constexpr std::string_view name = "class";
  if (seen.allows_everything) return {name, Result::ok, "there is no policy: everything is allowed to it"};
  const std::string next = seen.next_change ? "; that may change at " + policy::time_words(*seen.next_change) : "";
  if (seen.allow.empty()) {
    if (!seen.idle.empty())
      return {name, Result::failed,
              "no rule allows " + seen.who +
                  " anything now: of those that speak of it none is in force: " + idle_words(seen.idle) + next};
    if (!seen.other.empty())
      return {name, Result::failed,
              "no rule allows " + seen.who + " anything: in force for it are only " + first_few(seen.other) + next};
    return {name, Result::failed,
            "no rule of the policy speaks of " + seen.who + (seen.has_identity ? "" : ", which has no identity") +
                ": everything that it sends is denied" + next};
  }
  std::vector<std::string> rules = seen.allow;
  rules.insert(rules.end(), seen.other.begin(), seen.other.end());
  const std::string now = "in force for " + seen.who + (rules.size() == 1 ? " is " : " are ") + first_few(rules);
  if (!seen.idle.empty()) return {name, Result::ok, now + "; not in force: " + idle_words(seen.idle) + next};
  return {name, Result::ok, now + next};
}

Check check_rule(const RuleSeen& seen) {
  constexpr std::string_view name = "rule";
  if (seen.allows_everything) return {name, Result::ok, "it reaches everything: there is no policy"};
  const std::string left_out =
      seen.services_left_out == 0 ? "" : " (" + std::to_string(seen.services_left_out) + " more were not looked at)";
  if (seen.reachable.empty() && seen.blocked.empty())
    return {name, seen.services_left_out == 0 ? Result::failed : Result::unknown,
            "no rule lets it reach any service" + left_out};
  if (seen.reachable.empty())
    return {name, Result::failed, "it reaches no service now; " + blocked_words(seen.blocked.front()) + left_out};
  std::string reaches = "it reaches " + first_few(seen.reachable) + left_out;
  if (seen.blocked.empty()) return {name, Result::ok, std::move(reaches)};
  std::vector<std::string> words;
  for (const RuleSeen::Blocked& blocked : seen.blocked) words.push_back(blocked_words(blocked));
  return {name, Result::warning, std::move(reaches) + "; not now " + first_few(words)};
}

}  // namespace sallyport::controlplane::diagnose
