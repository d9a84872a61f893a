// Rules that can never match: they load, with a warning.
#include "policy_text.hpp"

namespace sallyport::policy::warnings_test {
namespace {

constexpr std::string_view empty_group = "[group]\nnobody = []\n";

TEST(IdleRule, WithNobodyInFrom) {
  expect_warnings(joined({rule_toml("r", "allow", "\"group:nobody\"", "\"backend\""), backend_toml, empty_group}),
                  {"2:1: rule 'r' can never match: nobody is in its `from`"});
}

TEST(IdleRule, ThatHasExpired) {
  const auto with = [](std::string_view expires) {
    return joined(
        {rule_toml("r", "deny", "\"tag:a\"", "\"backend\"", joined({"expires = ", expires, "\n"})), backend_toml});
  };
  expect_warnings(with("2026-06-01T00:00:00Z"), {"2:1: rule 'r' can never match: it has expired"});
  expect_warnings(with("2026-06-01T00:00:01Z"), {});
}

TEST(IdleRule, WhoseSourcesCannotMeetItsConditions) {
  const auto with = [](std::string_view from, std::string_view when) {
    return joined({rule_toml("r", "allow", from, "\"backend\"", joined({"when = { ", when, " }\n"})), backend_toml});
  };
  expect_warnings(with("\"net:10.0.0.0/8\"", "posture = [\"managed\"]"),
                  {"2:1: rule 'r' can never match: addresses, which are all of its `from`, have no posture"});
  expect_warnings(with("\"net:10.0.0.0/8\"", "auth_age = \"1h\""),
                  {"2:1: rule 'r' can never match: addresses, which are all of its `from`, do not authenticate"});
  expect_warnings(with("\"net:10.0.0.0/8\", \"tag:a\"", "auth_age = \"1h\""), {});
  expect_warnings(with("\"*\"", "auth_age = \"1h\""), {});
  expect_warnings(with("\"net:10.0.0.0/8\"", "hours = \"* 00:00-12:00 UTC\""), {});
}

std::string two(std::string_view first, std::string_view second) {
  return joined({first, second, backend_toml});
}

TEST(HiddenRule, BehindADenialOfAllThatItAllows) {
  expect_warnings(
      two(rule_toml("all", "deny", "\"tag:a\", \"tag:b\"", "\"backend\", \"database\""),
          rule_toml("some", "allow", "\"tag:b\"", "\"backend\"")),
      {"7:1: rule 'some' can never match: rule 'all' (policy.toml:2:1) comes before it and decides all that it could"});
  expect_warnings(
      two(rule_toml("all", "deny", "\"*\"", "\"*\""), rule_toml("some", "allow", "\"tag:b\"", "\"*\"")),
      {"7:1: rule 'some' can never match: rule 'all' (policy.toml:2:1) comes before it and decides all that it could"});
}

TEST(HiddenRule, BehindAnAllowanceOfAllThatItDenies) {
  for (const auto action : {"deny", "audit"})
    expect_warnings(two(rule_toml("all", "allow", "\"tag:a\"", "\"*\"", "priority = 1\n"),
                        rule_toml("some", action, "\"tag:a\"", "\"backend\"")),
                    {"8:1: rule 'some' can never match: rule 'all' (policy.toml:2:1) comes before it and decides all "
                     "that it could"});
}

TEST(HiddenRule, NotByWhatComesLaterOrHasConditions) {
  const std::string allow = rule_toml("some", "allow", "\"tag:a\"", "\"backend\"");
  expect_warnings(two(rule_toml("all", "deny", "\"*\"", "\"*\"", "priority = 501\n"), allow), {});
  expect_warnings(two(rule_toml("all", "deny", "\"*\"", "\"*\"", "when = { hours = \"* 00:00-12:00 UTC\" }\n"), allow),
                  {});
  expect_warnings(two(rule_toml("all", "deny", "\"*\"", "\"*\"", "expires = 2027-01-01T00:00:00Z\n"), allow), {});
  expect_warnings(two(rule_toml("all", "audit", "\"*\"", "\"*\"", "priority = 1\n"), allow), {});
}

TEST(HiddenRule, NotWithoutAllOfItsSourcesAndServices) {
  expect_warnings(two(rule_toml("all", "deny", "\"tag:a\"", "\"*\""),
                      rule_toml("some", "allow", "\"tag:a\", \"tag:b\"", "\"backend\"")),
                  {});
  expect_warnings(two(rule_toml("all", "deny", "\"*\"", "\"backend\""),
                      rule_toml("some", "allow", "\"tag:a\"", "\"backend\", \"database\"")),
                  {});
  expect_warnings(
      two(rule_toml("all", "deny", "\"*\"", "\"backend\""), rule_toml("some", "allow", "\"tag:a\"", "\"*\"")), {});
  expect_warnings(two(rule_toml("all", "deny", "\"tag:a\"", "\"*\""), rule_toml("some", "allow", "\"*\"", "\"*\"")),
                  {});
}

TEST(HiddenRule, SayingTheSameTwiceIsNoMistake) {
  expect_warnings(two(rule_toml("a", "allow", "\"*\"", "\"*\""), rule_toml("b", "allow", "\"tag:a\"", "\"backend\"")),
                  {});
}

TEST(HiddenRule, IsWarnedOfOnceAndOnlyIfItHasNoReasonOfItsOwn) {
  expect_warnings(joined({rule_toml("all", "deny", "\"*\"", "\"*\""),
                          rule_toml("r", "allow", "\"group:nobody\"", "\"backend\""), backend_toml, empty_group}),
                  {"7:1: rule 'r' can never match: nobody is in its `from`"});
}

}  // namespace
}  // namespace sallyport::policy::warnings_test
