#include "policy/conditions.hpp"

#include <algorithm>
#include <cmath>

namespace sallyport::policy {
namespace {

template <typename Value>
bool holds(Comparison comparison, const Value& left, const Value& right) {
  switch (comparison) {
    case Comparison::equal:
      return left == right;
    case Comparison::not_equal:
      return left != right;
    case Comparison::less:
      return left < right;
    case Comparison::less_equal:
      return left <= right;
    case Comparison::greater:
      return left > right;
    case Comparison::greater_equal:
      return left >= right;
  }
  return false;
}

bool asks_for_order(Comparison comparison) {
  return comparison != Comparison::equal && comparison != Comparison::not_equal;
}

// Every 64-bit integer and every double is one of these.
std::optional<long double> as_number(const PostureValue& value) {
  static_assert(__LDBL_MANT_DIG__ >= 64);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<long double>(*integer);
  if (const auto* floating = std::get_if<double>(&value); floating != nullptr && !std::isnan(*floating)) {
    return static_cast<long double>(*floating);
  }
  return std::nullopt;
}

// The first instant at which the authentication is too old.
TimePoint authentication_end(const Rule& rule, const Facts& facts) {
  return *facts.authenticated_at + *rule.auth_age + std::chrono::seconds(1);
}

}  // namespace

bool credential_holds(const Rule& rule, const Facts& facts, TimePoint at) {
  return rule.action != Action::allow || !facts.not_after || at < *facts.not_after;
}

bool not_expired(const Rule& rule, TimePoint at) {
  return !rule.expires || at < *rule.expires;
}

bool hours_hold(const Rule& rule, TimePoint at) {
  return rule.hours.empty() ||
         std::any_of(rule.hours.begin(), rule.hours.end(), [at](const Hours& hours) { return hours.contains(at); });
}

bool auth_age_holds(const Rule& rule, const Facts& facts, TimePoint at) {
  if (!rule.auth_age) return true;
  // One that another clock puts into the future is a fresh one.
  return facts.authenticated_at && at < authentication_end(rule, facts);
}

bool posture_value_holds(const PostureCondition& condition, const PostureValue& value) {
  const auto wanted = as_number(condition.value);
  const auto number = as_number(value);
  if (wanted && number) return holds(condition.comparison, *number, *wanted);
  if (value.index() != condition.value.index() || asks_for_order(condition.comparison)) return false;
  if (const auto* flag = std::get_if<bool>(&value)) {
    return holds(condition.comparison, *flag, std::get<bool>(condition.value));
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return holds(condition.comparison, *text, std::get<std::string>(condition.value));
  }
  return false;
}

bool posture_is_known(const Facts& facts, TimePoint at) {
  return !facts.posture_until || at < *facts.posture_until;
}

bool posture_holds(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at) {
  if (rule.posture.empty()) return true;
  return posture_is_known(facts, at) &&
         std::all_of(rule.posture.begin(), rule.posture.end(), [&](const std::string& name) {
           const Posture* posture = policy.find_posture(name);
           return posture != nullptr && std::all_of(posture->conditions.begin(), posture->conditions.end(),
                                                    [&](const PostureCondition& condition) {
                                                      const auto value = facts.posture.find(condition.key);
                                                      return value != facts.posture.end() &&
                                                             posture_value_holds(condition, value->second);
                                                    });
         });
}

bool conditions_besides_hours_hold(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at) {
  return credential_holds(rule, facts, at) && not_expired(rule, at) && auth_age_holds(rule, facts, at) &&
         posture_holds(policy, rule, facts, at);
}

bool is_over(const Rule& rule, const Facts& facts, TimePoint at) {
  return !credential_holds(rule, facts, at) || !not_expired(rule, at) || !auth_age_holds(rule, facts, at) ||
         (!rule.posture.empty() && !posture_is_known(facts, at));
}

std::optional<TimePoint> next_change_besides_hours(const Rule& rule, const Facts& facts, TimePoint at) {
  if (is_over(rule, facts, at)) return std::nullopt;
  std::optional<TimePoint> next = rule.expires;
  if (rule.action == Action::allow) next = earlier(next, facts.not_after);
  if (rule.auth_age) next = earlier(next, authentication_end(rule, facts));
  if (!rule.posture.empty()) next = earlier(next, facts.posture_until);
  return next;
}

std::optional<TimePoint> earlier(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace sallyport::policy
