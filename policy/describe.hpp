// Words for people: the same ones in explanations, failed tests, differences and errors.
#pragma once

#include <string>
#include <vector>

#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

[[nodiscard]] std::string file_and_line(const Location& location);  // "policy.toml:30"
[[nodiscard]] std::string rule_words(const Rule& rule);             // "rule frontend-to-backend (policy.toml:30)"
[[nodiscard]] std::string service_words(const Service& service);    // "service backend (policy.toml:12)"
[[nodiscard]] std::string port_words(std::uint8_t protocol, std::uint16_t port);  // "tcp/8080", "icmp"
[[nodiscard]] std::string time_words(TimePoint at);                               // "2026-12-01T18:00:00Z"
[[nodiscard]] std::string duration_words(std::chrono::seconds duration);          // "4h", "1h30m", "90s" is "1m30s"
// "allowed by rule 'a' (old.toml:3)", "denied: no rule allows it".
[[nodiscard]] std::string decision_words(const Decision& decision);
[[nodiscard]] std::string joined(const std::vector<std::string>& words, const std::string& separator);

}  // namespace sallyport::policy
