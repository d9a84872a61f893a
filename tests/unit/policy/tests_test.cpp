// [[test]].
#include "policy_text.hpp"

namespace sallyport::policy::tests_test {
namespace {

// [[test]] in line 2, src in line 3, `lines` from 4 on.
std::string test_with(std::string_view source, std::string_view lines) {
  return joined({"[[test]]\nsrc = \"", source, "\"\n", lines, backend_toml});
}

constexpr std::string_view deny_ssh = "deny = [\"backend:tcp/22\"]\n";

Test read(std::string_view source, std::string_view lines) {
  return valid(test_with(source, lines)).tests.at(0);
}

TEST(PolicyTest, ReadsEveryKey) {
  const auto test = read("user:corp/ann@example.com", R"(claims = { groups = ["sre", "dev"], level = "3" }
tags = ["laptop"]
posture = { disk_encrypted = true, os_patch_age_days = 3, load = 0.5, os = "Debian" }
at = 2026-11-23T09:00:00Z
auth_age = "5h"
allow = ["backend:tcp/8080"]
deny = ["backend:icmp", "database:proto/47"]
)");
  EXPECT_EQ(test.location.to_string(), "policy.toml:2:1");
  EXPECT_EQ(test.source, "user:corp/ann@example.com");
  EXPECT_EQ(test.facts.names, std::vector<std::string>{"user:corp/ann@example.com"});
  EXPECT_EQ(test.facts.claims, (std::vector<Claim>{{"corp", "groups", {"sre", "dev"}}, {"corp", "level", {"3"}}}));
  EXPECT_EQ(test.facts.tags, std::vector<std::string>{"laptop"});
  EXPECT_EQ(test.facts.posture, (std::map<std::string, PostureValue>{{"disk_encrypted", true},
                                                                     {"os_patch_age_days", std::int64_t{3}},
                                                                     {"load", 0.5},
                                                                     {"os", std::string("Debian")}}));
  EXPECT_EQ(test.facts.authenticated_at, std::nullopt);
  EXPECT_EQ(test.at->time_since_epoch().count(), 1795424400);
  EXPECT_EQ(test.auth_age, std::chrono::hours(5));
  ASSERT_EQ(test.allow.size(), 1U);
  EXPECT_EQ(test.allow[0].text, "backend:tcp/8080");
  EXPECT_EQ(test.allow[0].service, "backend");
  EXPECT_EQ(test.allow[0].port.protocol, 6);
  EXPECT_EQ(test.allow[0].port.first, 8080);
  EXPECT_EQ(test.allow[0].location.to_string(), "policy.toml:9:10");
  EXPECT_EQ(test.deny.at(1).port.protocol, 47);
}

TEST(PolicyTest, HasDefaults) {
  const auto test = read("peer:ann-laptop", "auth_age = \"0s\"\nallow = [\"backend:tcp/8080\"]\n");
  EXPECT_EQ(test.at, std::nullopt);
  EXPECT_EQ(test.auth_age, std::chrono::seconds(0));
  EXPECT_TRUE(test.facts.posture.empty());
}

TEST(PolicyTest, EveryKindOfSource) {
  EXPECT_EQ(read("sa:prod/shop/web", deny_ssh).facts.names.at(0), "sa:prod/shop/web");
  EXPECT_EQ(read("spiffe://d/p", deny_ssh).facts.names.at(0), "spiffe://d/p");
  EXPECT_EQ(read("ike:fqdn=a.example.com", deny_ssh).facts.names.at(0), "ike:fqdn=a.example.com");
  EXPECT_EQ(read("peer:ann", deny_ssh).facts.peer, "ann");
  EXPECT_EQ(read("tag:branch", deny_ssh).facts.tags.at(0), "branch");
  EXPECT_EQ(read("net:10.0.0.7", deny_ssh).facts.net, *IpPrefix::parse("10.0.0.7/32"));
  EXPECT_EQ(read("net:10.0.0.0/8", deny_ssh).facts.net, *IpPrefix::parse("10.0.0.0/8"));
  EXPECT_EQ(read("net:2001:db8::1", deny_ssh).facts.net, *IpPrefix::parse("2001:db8::1/128"));
}

TEST(PolicyTest, WhatIsNoSource) {
  expect_errors(test_with("group:sre", deny_ssh),
                {"3:7: src: expected one source, got a group; write one of its members"});
  expect_errors(test_with("claim:corp/groups=sre", deny_ssh),
                {"3:7: src: expected an identity, got a claim; write the identity, and `claims` beside it"});
  const std::string expected =
      "3:7: src: expected an identity (\"user:ISSUER/NAME\", \"sa:CLUSTER/NAMESPACE/NAME\", \"spiffe://DOMAIN/PATH\" "
      "or "
      "\"ike:fqdn=...\"), \"peer:NAME\", \"tag:NAME\" or \"net:ADDRESS\", got the string ";
  expect_errors(test_with("spiffe://d/*", deny_ssh), {expected + "\"spiffe://d/*\""});
  expect_errors(test_with("*", deny_ssh), {expected + "\"*\""});
  expect_errors(test_with("net:10.0.0.1/8", deny_ssh), {"3:7: src: expected \"net:PREFIX\" without host bits, such as "
                                                        "\"net:10.0.0.0/8\", got the string \"net:10.0.0.1/8\""});
}

TEST(PolicyTest, MissingKeysAreNamed) {
  expect_errors("[[test]]\n",
                {"2:1: missing key 'src' in [[test]]: expected identity, `peer:NAME`, `tag:NAME` or `net:ADDRESS`",
                 "2:1: [[test]]: expected allow or deny, got neither"});
}

TEST(PolicyTest, TargetsAreOnePortOfAServiceThatExists) {
  expect_errors(
      test_with(
          "tag:a",
          "allow = [\"backend\", \"backand:tcp/8080\", \"backend:tcp\", 3]\ndeny = [\"data:icmp\", \"a b:tcp/1\"]\n"),
      {"4:10: allow: expected \"SERVICE:PORT\" such as \"backend:tcp/8080\", got the string \"backend\"",
       "4:21: allow: there is no service 'backand'; did you mean 'backend'?",
       "4:41: allow: expected one port such as \"tcp/8080\", or \"icmp\", \"icmp6\" or \"proto/47\", got the string "
       "\"tcp\"",
       "4:56: allow: expected \"SERVICE:PORT\" such as \"backend:tcp/8080\", got the integer 3",
       "5:9: deny: there is no service 'data'",
       "5:22: deny: expected \"SERVICE:PORT\" such as \"backend:tcp/8080\", got the string \"a b:tcp/1\""});
}

TEST(PolicyTest, ValuesAreChecked) {
  expect_errors(
      test_with("user:corp/ann", R"(claims = { groups = [3] }
tags = ["a b"]
posture = { disk = [], "a b" = 1 }
at = 2026-11-23T09:00:00
auth_age = "soon"
allow = []
)"),
      {"4:22: claims: expected a text of 1 to 1024 characters without control characters, got the integer 3",
       "5:9: tags: expected a name (letters, digits, '.', '_', '-', 63 characters at most), got the string \"a b\"",
       "6:20: posture: expected a boolean, a number or a string, got an array",
       "6:24: posture: expected a name, got \"a b\"",
       "7:6: at: expected a date-time with an offset such as 2026-12-01T18:00:00Z, got the time 2026-11-23T09:00:00",
       "8:12: auth_age: expected a duration such as \"30s\", \"5m\", \"8h\" or \"1d\", at most a year, got the string "
       "\"soon\"",
       "9:9: allow: expected 1 to 4096 elements, got 0"});
}

TEST(PolicyTest, ClaimsBelongToAnIssuer) {
  expect_errors(test_with("peer:ann", joined({"claims = { groups = \"sre\" }\n", deny_ssh})),
                {"4:10: claims: belong to the issuer of src: expected a \"user:\" or \"sa:\" there"});
}

TEST(PolicyTest, AnAddressHasNoIdentity) {
  expect_errors(
      test_with("net:10.0.0.7",
                joined({"claims = { groups = \"sre\" }\ntags = [\"a\"]\nposture = { a = 1 }\nauth_age = \"1h\"\n",
                        deny_ssh})),
      {"4:10: claims: does not belong to an address: it has no identity",
       "5:8: tags: does not belong to an address: it has no identity",
       "6:11: posture: does not belong to an address: it has no identity",
       "7:12: auth_age: does not belong to an address: it has no identity"});
}

TEST(PolicyTest, ContradictionsNameBothLines) {
  expect_errors(test_with("tag:a", "allow = [\"backend:tcp/22\"]\ndeny = [\"backend:tcp/23\", \"backend:tcp/22\"]\n"),
                {"5:27: deny: backend:tcp/22 is expected in `allow` for the same source, at policy.toml:4:10"});
  // Over two tests, with the same facts in another order.
  expect_errors(joined({"[[test]]\nsrc = \"user:corp/ann\"\nclaims = { groups = [\"a\", \"b\"] }\ntags = [\"x\", "
                        "\"y\"]\ndeny = [\"backend:icmp\"]\n",
                        "[[test]]\nsrc = \"user:corp/ann\"\ntags = [\"y\", \"x\"]\nclaims = { groups = [\"b\", \"a\"] "
                        "}\nallow = [\"backend:icmp\"]\n",
                        backend_toml}),
                {"11:10: allow: backend:icmp is expected in `deny` for the same source, at policy.toml:6:9"});
}

TEST(PolicyTest, OfOtherFactsIsNoContradiction) {
  for (const auto line : {"tags = [\"x\"]", "claims = { groups = \"a\" }", "posture = { a = 1 }",
                          "at = 2026-11-23T09:00:00Z", "auth_age = \"1h\""})
    EXPECT_TRUE(
        errors_of(bundle_of(joined({"[[test]]\nsrc = \"user:corp/ann\"\ndeny = [\"backend:icmp\"]\n[[test]]\nsrc = "
                                    "\"user:corp/ann\"\nallow = [\"backend:icmp\"]\n",
                                    line, backend_toml})))
            .empty())
        << line;
}

}  // namespace
}  // namespace sallyport::policy::tests_test
