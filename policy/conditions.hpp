// The conditions of a rule, one by one: explain says which of them fails, and the compiler answers the question of
// hours from a memory of its own. match.hpp has them all together.
#pragma once

#include <optional>
#include <string>

#include "policy/model.hpp"

namespace sallyport::policy {

// The end of the credential: no allow rule holds from then on. Other rules stay.
[[nodiscard]] bool credential_holds(const Rule& rule, const Facts& facts, TimePoint at);
[[nodiscard]] bool not_expired(const Rule& rule, TimePoint at);
[[nodiscard]] bool hours_hold(const Rule& rule, TimePoint at);
[[nodiscard]] bool auth_age_holds(const Rule& rule, const Facts& facts, TimePoint at);
// Integers and floating-point numbers compare as numbers. Other unlike types, what has no order, and not-a-number never
// hold, whatever the comparison.
[[nodiscard]] bool posture_value_holds(const PostureCondition& condition, const PostureValue& value);
// False once what the device said has lapsed (Facts::posture_until): nothing is known of it from then on.
[[nodiscard]] bool posture_is_known(const Facts& facts, TimePoint at);
[[nodiscard]] bool posture_holds(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at);

[[nodiscard]] bool conditions_besides_hours_hold(const Policy& policy, const Rule& rule, const Facts& facts,
                                                 TimePoint at);
// Whether what no clock brings back was missed: the rule is out of force for good.
[[nodiscard]] bool is_over(const Rule& rule, const Facts& facts, TimePoint at);
[[nodiscard]] std::optional<TimePoint> next_change_besides_hours(const Rule& rule, const Facts& facts, TimePoint at);

// The first of the rule's conditions that does not hold, in words; nullopt: all hold.
[[nodiscard]] std::optional<std::string> unmet_condition(const Policy& policy, const Rule& rule, const Facts& facts,
                                                         TimePoint at);

// The earlier one of two instants that may not come.
[[nodiscard]] std::optional<TimePoint> earlier(std::optional<TimePoint> a, std::optional<TimePoint> b);

}  // namespace sallyport::policy
