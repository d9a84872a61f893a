// The files of a policy as one namespace: schema, syntax, names, order.
#include "policy_text.hpp"

namespace sallyport::policy::files_test {
namespace {

TEST(PolicyFiles, NothingButTheSchemaIsAValidPolicy) {
  const Policy policy = valid("");
  EXPECT_TRUE(policy.rules.empty());
  EXPECT_TRUE(policy.warnings.empty());
  EXPECT_EQ(policy.etag, bundle_of("").etag());
}

TEST(PolicyFiles, SchemaIsRequiredInEveryFile) {
  EXPECT_EQ(
      errors_of({{{"a.toml", ""}, {"b.toml", "schema = 2\n"}, {"c.toml", "schema = \"1\""}, {"d.toml", "schema = 1"}}}),
      (std::vector<std::string>{"a.toml: missing key 'schema' in a policy file: expected 1",
                                "b.toml:1:10: schema: expected the integer 1, got the integer 2",
                                "c.toml:1:10: schema: expected the integer 1, got the string \"1\""}));
}

TEST(PolicyFiles, MisspeltSectionIsNamedWithTheClosestOne) {
  expect_errors("[[rules]]\nname = \"x\"\n", {"2:3: unknown key 'rules'; did you mean 'rule'?"});
  expect_errors("[services]\n", {"2:2: unknown key 'services'; did you mean 'service'?"});
}

TEST(PolicyFiles, SectionOfTheWrongShape) {
  expect_errors("rule = 3\n", {"2:8: rule: expected tables, [[rule]], got the integer 3"});
  expect_errors("group = []\n", {"2:9: group: expected a table, [group], got an array"});
  expect_errors("[service]\nbackend = 3\n", {"3:11: service: expected a table, backend = { ... }, got the integer 3"});
  expect_errors("[issuer]\ncorp = 3\n", {"3:8: issuer: expected a table, [issuer.corp], got the integer 3"});
  expect_errors("[posture]\nmanaged = 3\n",
                {"3:11: posture managed: expected a list of 1 to 64 conditions, got the integer 3"});
  expect_errors("[group]\nsre = 3\n",
                {"3:7: group sre: expected a list of at most 65536 selectors, got the integer 3"});
}

TEST(PolicyFiles, NamesThatPeopleChooseHaveAShape) {
  expect_errors("[group]\n\"s re\" = []\n",
                {"3:1: group: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got \"s re\""});
}

TEST(PolicyFiles, TheFirstSyntaxErrorOfEachFileAndTheValuesOfTheOthers) {
  const auto errors = errors_of({{{"a.toml", "schema = 1\n[[rule\n"},
                                  {"b.toml", "schema = 1\n[group]\nsre = [\"usr:corp/ann\"]\n"},
                                  {"c.toml", "schema = = 1\n"}}});
  ASSERT_EQ(errors.size(), 3U) << testing::PrintToString(errors);
  EXPECT_TRUE(errors[0].starts_with("a.toml:2:7: syntax error: ")) << errors[0];
  EXPECT_TRUE(errors[1].starts_with("b.toml:3:8: group sre: expected a selector: ")) << errors[1];
  EXPECT_TRUE(errors[2].starts_with("c.toml:1:10: syntax error: ")) << errors[2];
}

TEST(PolicyFiles, WhatAFileWithASyntaxErrorMayHoldIsNotMissed) {
  const auto errors = errors_of({{{"a.toml", "schema = 1\n[service\n"},
                                  {"b.toml", "schema = 1\n" + rule_toml("r", "allow", "\"group:x\"", "\"y\"")}}});
  ASSERT_EQ(errors.size(), 1U) << testing::PrintToString(errors);
}

TEST(PolicyFiles, ShareOneNamespace) {
  const Policy policy =
      valid(Bundle{{{"rules.toml", "schema = 1\n" + rule_toml("r", "allow", "\"group:sre\"", "\"backend\"")},
                    {"things.toml", joined({"schema = 1\n[group]\nsre = [\"tag:sre\"]\n", backend_toml})}}});
  ASSERT_EQ(policy.rules.size(), 1U);
  EXPECT_EQ(policy.rules[0].from.at(0).text, "tag:sre");
  EXPECT_EQ(policy.rules[0].location.to_string(), "rules.toml:2:1");
  EXPECT_EQ(policy.rules[0].from.at(0).location.to_string(), "things.toml:3:8");
}

TEST(PolicyFiles, ANameTwiceIsAnErrorThatNamesBothPlaces) {
  const std::string all =
      joined({"schema = 1\n[group]\nsre = []\n[service]\ns = { prefixes = [\"10.0.0.0/8\"], ports = [\"tcp\"] }\n"
              "[posture]\nm = [\"a == 1\"]\n[issuer.x]\ntype = \"spiffe-x509\"\nbundles = { d = \"f\" }\n",
              rule_toml("r", "allow", "\"*\"", "\"s\"")});
  EXPECT_EQ(errors_of({{{"a.toml", all}, {"b.toml", all}}}),
            (std::vector<std::string>{"b.toml:3:1: group 'sre' is defined already, at a.toml:3:1",
                                      "b.toml:5:1: service 's' is defined already, at a.toml:5:1",
                                      "b.toml:7:1: posture 'm' is defined already, at a.toml:7:1",
                                      "b.toml:8:9: issuer 'x' is defined already, at a.toml:8:9",
                                      "b.toml:12:8: rule 'r' is defined already, at a.toml:12:8"}));
  expect_errors(joined({rule_toml("r", "allow", "\"*\"", "\"backend\""), rule_toml("r", "deny", "\"*\"", "\"backend\""),
                        backend_toml}),
                {"8:8: rule 'r' is defined already, at policy.toml:3:8"});
}

TEST(PolicyFiles, OrderOfFilesAndOfRulesMeansNothing) {
  const std::string a = "schema = 1\n" + rule_toml("a", "allow", "\"tag:a\"", "\"backend\"") +
                        rule_toml("b", "deny", "\"tag:b\"", "\"backend\"");
  const std::string b = "schema = 1\n" + rule_toml("b", "deny", "\"tag:b\"", "\"backend\"") +
                        rule_toml("a", "allow", "\"tag:a\"", "\"backend\"");
  const std::string things = joined({"schema = 1\n", backend_toml});
  const Policy one = valid(Bundle{{{"1.toml", a}, {"2.toml", things}}});
  const Policy other = valid(Bundle{{{"1.toml", things}, {"2.toml", b}}});
  ASSERT_EQ(one.rules.size(), other.rules.size());
  for (std::size_t i = 0; i < one.rules.size(); ++i) EXPECT_EQ(one.rules[i].name, other.rules[i].name);
}

TEST(PolicyFiles, ObjectsAreFoundByName) {
  const Policy policy = valid(joined({rule_toml("z", "deny", "\"tag:a\"", "\"backend\""),
                                      rule_toml("a", "allow", "\"tag:a\"", "\"database\""), backend_toml}));
  EXPECT_EQ(policy.find_rule("z"), &policy.rules[0]);
  EXPECT_EQ(policy.find_rule("a"), &policy.rules[1]);
  EXPECT_EQ(policy.find_rule("b"), nullptr);
  EXPECT_EQ(policy.find_service("database")->name, "database");
  EXPECT_EQ(policy.find_service("data"), nullptr);
  EXPECT_EQ(policy.find_posture("managed")->name, "managed");
  EXPECT_EQ(policy.find_posture(""), nullptr);
  Policy by_hand;  // without an index, in no order
  by_hand.rules.resize(2);
  by_hand.rules[0].name = "z";
  by_hand.rules[1].name = "a";
  EXPECT_EQ(by_hand.find_rule("a"), &by_hand.rules[1]);
  EXPECT_EQ(by_hand.find_rule("b"), nullptr);
}

}  // namespace
}  // namespace sallyport::policy::files_test
