// [[rule]] and [posture].
#include "policy/posture_condition.hpp"
#include "policy/rate.hpp"
#include "policy_text.hpp"

namespace sallyport::policy::rules_test {
namespace {

TEST(Rule, ReadsEveryKey) {
  const Rule rule = valid(rule_with(R"(from = ["tag:a", "net:10.0.0.0/8"]
to = ["backend", "database", "backend"]
priority = 10
rate = "1.5gbit"
expires = 2026-12-01T18:00:00+01:00
log = "all"
when = { hours = ["Mon-Fri 07:00-19:00 Europe/Berlin", "Sat 00:00-24:00 UTC"], posture = ["managed"], auth_age = "4h" }
)"))
                        .rules.at(0);
  EXPECT_EQ(rule.location.to_string(), "policy.toml:2:1");
  EXPECT_EQ(rule.name, "r");
  EXPECT_EQ(rule.action, Action::allow);
  EXPECT_EQ(rule.from.at(1).text, "net:10.0.0.0/8");
  EXPECT_EQ(rule.from.at(1).location.to_string(), "policy.toml:5:18");
  EXPECT_EQ(rule.to, (std::vector<std::string>{"backend", "database"}));
  EXPECT_FALSE(rule.to_any);
  EXPECT_EQ(rule.priority, 10U);
  EXPECT_EQ(rule.rate_bits_per_s, 1'500'000'000U);
  EXPECT_EQ(rule.expires->time_since_epoch().count(), 1796144400);
  EXPECT_EQ(rule.log, Log::all);
  EXPECT_EQ(rule.hours.size(), 2U);
  EXPECT_EQ(rule.posture, std::vector<std::string>{"managed"});
  EXPECT_EQ(rule.auth_age, std::chrono::hours(4));
  EXPECT_FALSE(rule.reject);
}

TEST(Rule, HasDefaults) {
  const Rule rule = valid(rule_with("from = [\"*\"]\nto = [\"*\"]\n", "deny")).rules.at(0);
  EXPECT_EQ(rule.from.at(0).kind, SelectorKind::any);
  EXPECT_TRUE(rule.to_any);
  EXPECT_TRUE(rule.to.empty());
  EXPECT_EQ(rule.priority, 500U);
  EXPECT_EQ(rule.rate_bits_per_s, 0U);
  EXPECT_EQ(rule.log, Log::denied);
  EXPECT_FALSE(rule.reject);
  EXPECT_TRUE(valid(rule_with("from = [\"*\"]\nto = [\"*\"]\ndeny = \"reject\"\n", "deny")).rules.at(0).reject);
}

TEST(Rule, MissingKeysAreNamed) {
  expect_errors("[[rule]]\n", {"2:1: missing key 'name' in [[rule]]: expected name",
                               "2:1: missing key 'action' in [[rule]]: expected \"allow\", \"deny\" or \"audit\"",
                               "2:1: missing key 'from' in [[rule]]: expected list of selectors, at least 1",
                               "2:1: missing key 'to' in [[rule]]: expected list of services, at least 1"});
}

TEST(Rule, MisspeltKeysAreCorrected) {
  expect_errors(
      rule_with("from = [\"*\"]\nto = [\"*\"]\nexpire = 3\nwhen = { hour = \"\" }\n"),
      {"7:1: unknown key 'expire'; did you mean 'expires'?", "8:10: unknown key 'hour'; did you mean 'hours'?"});
}

TEST(Rule, ValuesAreChecked) {
  expect_errors(
      R"([[rule]]
name = "a b"
action = "permit"
from = []
to = ["back end", 3]
priority = 1000001
expires = 2026-12-01
rate = 10
log = "some"
deny = "refuse"
when = 3
)",
      {"3:8: name: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got the string \"a b\"",
       "4:10: action: expected \"allow\", \"deny\" or \"audit\", got the string \"permit\"",
       "5:8: from: expected 1 to 65536 elements, got 0",
       "6:7: to: expected the name of a service, or \"*\" alone, got the string \"back end\"",
       "6:19: to: expected the name of a service, or \"*\" alone, got the integer 3",
       "7:12: priority: expected an integer from 0 to 1000000, got the integer 1000001",
       "8:11: expires: expected a date-time with an offset such as 2026-12-01T18:00:00Z, got the time 2026-12-01",
       "9:8: rate: expected a rate such as \"10mbit\", got the integer 10",
       "10:7: log: expected \"none\", \"denied\" or \"all\", got the string \"some\"; did you mean 'none'?",
       "11:8: deny: expected \"drop\" or \"reject\", got the string \"refuse\"",
       "12:8: when: expected a table, [when], got the integer 3"});
}

TEST(Rule, ConditionsAreChecked) {
  expect_errors(
      rule_with("from = [\"tag:a\"]\nto = [\"*\"]\nwhen = { hours = \"Mon 7-19\", posture = [\"manged\"], auth_age = "
                "\"0s\" }\n"),
      {"7:18: hours: expected hours such as \"Mon-Fri 07:00-19:00 Europe/Berlin\", \"Sat,Sun 00:00-24:00 UTC\" or "
       "\"* 22:00-06:00 UTC\", got the string \"Mon 7-19\"",
       "7:41: posture: there is no posture 'manged'; did you mean 'managed'?",
       "7:63: auth_age: expected a duration such as \"30s\", \"5m\", \"8h\" or \"1d\", at most a year, got the string "
       "\"0s\""});
  expect_errors(rule_with("from = [\"tag:a\"]\nto = [\"*\"]\nwhen = { hours = [\"* 00:00-24:00 UTC\", 3, \"* "
                          "00:00-24:00 Europe/Berlni\"] }\n"),
                {"7:40: hours: expected hours such as \"Mon-Fri 07:00-19:00 Europe/Berlin\", got the integer 3",
                 "7:43: hours: there is no time zone \"Europe/Berlni\"; did you mean 'Europe/Berlin'?"});
}

TEST(Rule, StarStandsAlone) {
  expect_errors(rule_with("from = [\"*\", \"tag:a\"]\nto = [\"backend\", \"*\"]\n"),
                {"5:9: from: \"*\" is everybody and stands alone", "6:18: to: \"*\" is everything and stands alone"});
}

TEST(Rule, ServicesExist) {
  expect_errors(
      rule_with("from = [\"*\"]\nto = [\"backand\", \"x\"]\n"),
      {"6:7: to: there is no service 'backand'; did you mean 'backend'?", "6:18: to: there is no service 'x'"});
}

TEST(Rule, KeysThatItsActionWouldIgnoreAreRefused) {
  expect_errors(rule_with("from = [\"*\"]\nto = [\"*\"]\ndeny = \"drop\"\n"), {"7:8: deny: belongs to a deny rule"});
  expect_errors(rule_with("from = [\"*\"]\nto = [\"*\"]\nrate = \"10mbit\"\n", "deny"),
                {"7:8: rate: belongs to an allow rule"});
  expect_errors(rule_with("from = [\"*\"]\nto = [\"*\"]\nrate = \"10mbit\"\ndeny = \"drop\"\n", "audit"),
                {"7:8: rate: belongs to an allow rule", "8:8: deny: belongs to a deny rule"});
}

TEST(Denial, MayNotDependOnAClaim) {
  expect_errors(rule_with("from = [\"tag:a\", \"claim:corp/groups=sre\"]\nto = [\"*\"]\n", "deny"),
                {"5:18: from: a deny rule may not depend on a claim, which may be missing: claim:corp/groups=sre"});
  expect_errors(joined({rule_with("from = [\"group:outer\"]\nto = [\"*\"]\n", "audit"),
                        "[group]\nouter = [\"tag:a\", \"group:inner\"]\ninner = [\"claim:corp/groups=sre\"]\n"}),
                {"5:9: from: an audit rule may not depend on a claim, which may be missing: group:outer has "
                 "claim:corp/groups=sre (policy.toml:15:10)"});
  EXPECT_TRUE(errors_of(bundle_of(rule_with("from = [\"claim:corp/groups=sre\"]\nto = [\"*\"]\n"))).empty());
}

TEST(Denial, MayNotDependOnAClaimOfItsDestination) {
  const std::string laptops = "[service.laptops]\nidentities = [\"claim:corp/groups=sre\"]\nports = [\"tcp/22\"]\n";
  expect_errors(rule_toml("r", "deny", "\"tag:a\"", "\"laptops\"") + laptops,
                {"6:7: to: a deny rule may not depend on a claim, which may be missing: service laptops has "
                 "claim:corp/groups=sre (policy.toml:8:15)"});
  EXPECT_TRUE(errors_of(bundle_of(rule_toml("r", "allow", "\"tag:a\"", "\"laptops\"") + laptops)).empty());
}

TEST(Denial, MayNotDependOnPostureOrAuthentication) {
  expect_errors(rule_with("from = [\"tag:a\"]\nto = [\"*\"]\nwhen = { posture = [\"managed\"], auth_age = \"1h\", "
                          "hours = \"* 00:00-12:00 UTC\" }\n",
                          "deny"),
                {"7:21: posture: a deny rule may not depend on posture, which may be missing",
                 "7:44: auth_age: a deny rule may not depend on the age of an authentication, which may be missing"});
}

TEST(Rank, IsPriorityThenActionThenName) {
  const auto rule = [](std::string_view name, std::string_view action, std::string_view priority) {
    return rule_toml(name, action, "\"tag:" + std::string(name) + "\"", "\"backend\"",
                     joined({"priority = ", priority, "\n"}));
  };
  const Policy policy =
      valid(joined({rule("d", "allow", "500"), rule("c", "allow", "500"), rule("b", "audit", "500"),
                    rule("e", "deny", "500"), rule("a", "deny", "501"), rule("z", "allow", "0"), backend_toml}));
  std::string order;
  for (const Rule& one : policy.rules) order += one.name;
  EXPECT_EQ(order, "zebcda");
}

TEST(Rates, InDecimalUnits) {
  EXPECT_EQ(parse_rate("10mbit"), 10'000'000U);
  EXPECT_EQ(parse_rate("200kbit"), 200'000U);
  EXPECT_EQ(parse_rate("1gbit"), 1'000'000'000U);
  EXPECT_EQ(parse_rate("1.5gbit"), 1'500'000'000U);
  EXPECT_EQ(parse_rate("0.0080005gbit"), 8'000'500U);
  EXPECT_EQ(parse_rate("8000bit"), 8'000U);
  EXPECT_EQ(parse_rate("8000.0bit"), 8'000U);
  EXPECT_EQ(parse_rate("1000gbit"), abi::max_rate_bits_per_s);
  for (const auto text :
       {"", "10", "mbit", "10 mbit", "10Mbit", "-10mbit", "1.5.5mbit", ".5gbit", "1.gbit", "500bit", "7.999kbit",
        "8000.5bit", "1000.000000001gbit", "1001gbit", "99999999999999999999999gbit", "1tbit", "1e3mbit"})
    EXPECT_EQ(
        message_of(parse_rate(text)),
        "expected a rate such as \"500kbit\", \"10mbit\" or \"1.5gbit\", from 8kbit to 1000gbit, got the string \"" +
            std::string(text) + '"');
}

TEST(PostureConditions, EveryForm) {
  const auto condition = [](std::string_view text) { return *parse_posture_condition(text); };
  EXPECT_EQ(condition("disk_encrypted == true").value, PostureValue(true));
  EXPECT_EQ(condition("jailbroken != false").comparison, Comparison::not_equal);
  EXPECT_EQ(condition("os_patch_age_days<=30").text, "os_patch_age_days <= 30");
  EXPECT_EQ(condition("os_patch_age_days<=30").comparison, Comparison::less_equal);
  EXPECT_EQ(condition("a  <  -1").value, PostureValue(std::int64_t{-1}));
  EXPECT_EQ(condition("a > 1.5").value, PostureValue(1.5));
  EXPECT_EQ(condition("a >= 0").comparison, Comparison::greater_equal);
  EXPECT_EQ(condition("os.name == \"Debian 12\"").value, PostureValue(std::string("Debian 12")));
  EXPECT_EQ(condition("os.name == \"\"").key, "os.name");
}

TEST(PostureConditions, WhatIsNone) {
  for (const auto text : {"", "a", "a ==", "== 1", "a = 1", "a === 1", "a == yes", "a == 'x'", "a == \"x", "a b == 1",
                          "a == 1 2", "a == nan", "a == 1e3", "a == 1.", "a == .5", "a == --1",
                          "a == 99999999999999999999", "a => 1", "a == \"x\\\"y\""})
    EXPECT_FALSE(parse_posture_condition(text)) << text;
  EXPECT_EQ(parse_posture_condition("a < true").error(), "expected a number after <, got the string \"a < true\"");
  EXPECT_EQ(parse_posture_condition("a >= \"x\"").error(),
            "expected a number after >=, got the string \"a >= \\\"x\\\"\"");
  expect_errors(
      "[posture]\nm = [\"a\", 3]\nn = []\n",
      {"3:6: posture m: expected a condition such as \"disk_encrypted == true\" or \"os_patch_age_days <= 30\", got "
       "the string \"a\"",
       "3:11: posture m: expected a condition such as \"disk_encrypted == true\", got the integer 3",
       "4:5: posture n: expected a list of 1 to 64 conditions, got 0"});
}

}  // namespace
}  // namespace sallyport::policy::rules_test
