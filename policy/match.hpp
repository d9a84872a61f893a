// Does an identity satisfy a selector, and which rules are in force for it at a moment? Pure functions of the model:
// the compiler, explain, tests and difference all ask here, so that there is one meaning.
#pragma once

#include <optional>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

[[nodiscard]] bool matches(const Selector& selector, const Facts& facts);
[[nodiscard]] bool from_matches(const Rule& rule, const Facts& facts);
// hours, expires, posture, auth_age and the credential's end. from_matches() is another question.
[[nodiscard]] bool conditions_hold(const Policy& policy, const Rule& rule, const Facts& facts, TimePoint at);
// The first instant after `at` at which conditions_hold() may change; nothing if it never will.
[[nodiscard]] std::optional<TimePoint> next_change(const Rule& rule, const Facts& facts, TimePoint at);
// `port_or_type` counts for TCP, UDP and SCTP alone.
[[nodiscard]] bool port_matches(const Service& service, std::uint8_t protocol, std::uint16_t port);

}  // namespace sallyport::policy
