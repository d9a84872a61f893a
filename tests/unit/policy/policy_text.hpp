// Policies for tests. Line 1 of each text is `schema = 1`, so what a test is about begins in line 2.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "policy/load.hpp"

namespace sallyport::policy {

inline constexpr TimePoint test_now = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};

inline Bundle bundle_of(std::string_view text) {
  return {{{"policy.toml", "schema = 1\n" + std::string(text)}}};
}

template <typename T>
std::string message_of(const tl::expected<T, std::string>& result) {
  return result ? "valid" : result.error();
}

// Each error as one line; empty for a valid policy.
inline std::vector<std::string> errors_of(const Bundle& bundle) {
  std::vector<std::string> lines;
  const auto policy = parse(bundle, test_now);
  if (!policy)
    for (const Error& error : policy.error()) lines.push_back(to_string(error));
  return lines;
}

inline Policy valid(const Bundle& bundle) {
  auto policy = parse(bundle, test_now);
  EXPECT_TRUE(policy) << testing::PrintToString(errors_of(bundle));
  return policy ? std::move(*policy) : Policy{};
}

inline Policy valid(std::string_view text) {
  return valid(bundle_of(text));
}

// The errors of a text, all of them, without "policy.toml:".
inline void expect_errors(std::string_view text, std::initializer_list<std::string_view> expected) {
  std::vector<std::string> wanted;
  for (const auto line : expected) wanted.push_back("policy.toml:" + std::string(line));
  EXPECT_EQ(errors_of(bundle_of(text)), wanted) << text;
}

// The warnings of a valid text, all of them, without "policy.toml:".
inline void expect_warnings(std::string_view text, std::initializer_list<std::string_view> expected) {
  std::vector<std::string> wanted;
  for (const auto line : expected) wanted.push_back("policy.toml:" + std::string(line));
  EXPECT_EQ(valid(text).warnings, wanted) << text;
}

// A service and a posture for rules to name.
inline constexpr std::string_view backend_toml = R"(
[service]
backend = { prefixes = ["10.20.0.0/24"], ports = ["tcp/8080"] }
database = { prefixes = ["10.20.4.0/24"], ports = ["tcp/5432"] }
[posture]
managed = ["disk_encrypted == true"]
)";

inline std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (const auto piece : pieces) text += piece;
  return text;
}

// [[rule]] in line 2, its name and action in 3 and 4, `lines` from 5 on; then the service and the posture.
inline std::string rule_with(std::string_view lines, std::string_view action = "allow") {
  return joined({"[[rule]]\nname = \"r\"\naction = \"", action, "\"\n", lines, backend_toml});
}

// A rule on five lines, `more` after them.
inline std::string rule_toml(std::string_view name, std::string_view action, std::string_view from, std::string_view to,
                             std::string_view more = "") {
  return joined(
      {"[[rule]]\nname = \"", name, "\"\naction = \"", action, "\"\nfrom = [", from, "]\nto = [", to, "]\n", more});
}

}  // namespace sallyport::policy
