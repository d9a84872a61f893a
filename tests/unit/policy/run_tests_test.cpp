#include "policy/run_tests.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "policy_text.hpp"
#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy::run_tests_test {
namespace {

constexpr const char* issuers = R"([issuer.corp]
type = "oidc"
issuer = "https://idp.example.com"
jwks_file = "corp.json"
audience = "gateway"
)";

std::string failures(const std::string& text) {
  std::string result;
  const Policy policy = valid(issuers + text);
  for (const Error& error : failed_tests(run_tests(policy, at("2026-11-23T09:00:00Z")))) {
    result += config::to_string(error) + '\n';
  }
  return result;
}

std::string allow_ann(const std::string& to) {
  return "[[rule]]\nname = \"ann\"\naction = \"allow\"\nfrom = [\"user:corp/ann\"]\nto = [" + to + "]\n";
}
std::string test_of_ann(const std::string& targets) {
  return "[[test]]\nsrc = \"user:corp/ann\"\n" + targets + '\n';
}

TEST(RunTests, PassesAndFailsByTheDecision) {
  const std::string text =
      "[service]\na = { prefixes = [\"10.1.0.0/16\"], ports = [\"tcp/80\"] }\n" + allow_ann("\"a\"");
  EXPECT_EQ(failures(text + test_of_ann("allow = [\"a:tcp/80\"]\ndeny = [\"a:tcp/81\", \"a:udp/80\"]")), "");
  EXPECT_EQ(failures(text + test_of_ann("deny = [\"a:tcp/80\"]\nallow = [\"a:tcp/81\"]")),
            "policy.toml:17:10: test of user:corp/ann: a:tcp/81 must be allowed, but it is denied: no rule allows it\n"
            "policy.toml:16:9: test of user:corp/ann: a:tcp/80 must be denied, but it is allowed by rule 'ann' "
            "(policy.toml:9)\n");
}

TEST(RunTests, TriesEachPartThatOtherServicesCutOut) {
  const std::string text =
      "[service]\na = { prefixes = [\"10.1.0.0/16\"], ports = [\"tcp/80\"] }\n"
      "b = { prefixes = [\"10.1.2.0/24\"], ports = [\"tcp\"] }\n" +
      allow_ann("\"a\"") + "[[rule]]\nname = \"not-b\"\naction = \"deny\"\nfrom = [\"*\"]\nto = [\"b\"]\n";
  EXPECT_EQ(failures(text + test_of_ann("allow = [\"a:tcp/80\"]")),
            "policy.toml:22:10: test of user:corp/ann: a:tcp/80 must be allowed, but it is denied by rule 'not-b' "
            "(policy.toml:15) at 10.1.2.0\n");
  EXPECT_EQ(failures(text + test_of_ann("deny = [\"b:tcp/80\"]")), "");
}

TEST(RunTests, ALiveServiceIsOnlyInItselfAndInWhatCoversEverything) {
  const std::string text =
      "[service]\na = { endpoints = \"x\", ports = [\"tcp/80\"] }\nhalf = { prefixes = [\"0.0.0.0/1\", "
      "\"128.0.0.0/1\"], ports = [\"tcp\"] }\nall = { prefixes = [\"::/0\"], ports = [\"tcp/81\"] }\n";
  EXPECT_EQ(failures(text + allow_ann("\"a\"") + test_of_ann("allow = [\"a:tcp/80\"]")), "");
  EXPECT_EQ(failures(text + allow_ann("\"half\"") + test_of_ann("deny = [\"a:tcp/80\"]")), "");
  EXPECT_EQ(failures(text + allow_ann("\"all\"") + test_of_ann("deny = [\"a:tcp/81\"]")),
            "policy.toml:18:9: test of user:corp/ann: a:tcp/81 must be denied, but it is allowed by rule 'ann' "
            "(policy.toml:11) at its live addresses\n");
}

TEST(RunTests, AuthAgeAndTimeAreThoseOfTheTest) {
  const std::string text = "[service]\na = { prefixes = [\"10.1.0.0/16\"], ports = [\"tcp/80\"] }\n" +
                           allow_ann("\"a\"") + "when = { auth_age = \"1h\" }\nexpires = 2026-12-01T00:00:00Z\n";
  EXPECT_EQ(failures(text + test_of_ann("allow = [\"a:tcp/80\"]")), "");
  EXPECT_EQ(failures(text + test_of_ann("auth_age = \"2h\"\ndeny = [\"a:tcp/80\"]")), "");
  EXPECT_EQ(failures(text + test_of_ann("at = 2026-12-01T00:00:00Z\ndeny = [\"a:tcp/80\"]")), "");
  EXPECT_EQ(failures(text + test_of_ann("auth_age = \"2h\"\nallow = [\"a:tcp/80\"]")),
            "policy.toml:19:10: test of user:corp/ann: a:tcp/80 must be allowed, but it is denied: no rule allows it "
            "(rule ann (policy.toml:9): auth_age: authenticated 2h ago, wanted is at most 1h)\n");
}

TEST(RunTests, OfTheExampleAllPass) {
  const std::vector<std::filesystem::path> paths{std::filesystem::path(POLICY_FOLDER) / "policy.example.toml"};
  const Policy policy = valid(read_bundle(paths).value());
  const auto results = run_tests(policy, at("2026-11-23T09:00:00Z"));
  EXPECT_GT(results.size(), 10U);
  for (const Error& error : failed_tests(results)) ADD_FAILURE() << config::to_string(error);
}

TEST(RunTests, ManyPrefixesAndTestsTakeNoTime) {
  Policy policy;
  policy.services.push_back(service("ping", {"0.0.0.0/0"}, {{icmp, 0, 65535}}));
  for (unsigned i = 0; i < 10000; ++i) {
    Service one{.name = "s" + std::to_string(i), .ports = {{tcp, 80, 80}}};
    const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
    one.prefixes.push_back({IpAddress::v4(10, byte(8), byte(0), 0), 24});
    policy.services.push_back(std::move(one));
  }
  policy.rules.push_back(rule("r", Action::allow, {"*"}, {"ping", "s7"}));
  for (unsigned i = 0; i < 100; ++i) {
    policy.tests.push_back(
        {.allow = {{.service = "ping", .port = {icmp, 0, 65535}}, {.service = "s7", .port = {tcp, 80, 80}}},
         .deny = {{.service = "s" + std::to_string(i + 10), .port = {tcp, 80, 80}}}});
  }
  const std::clock_t begin = std::clock();
  EXPECT_TRUE(failed_tests(run_tests(policy, {})).empty());
  EXPECT_LT(std::clock() - begin, 10 * CLOCKS_PER_SEC);  // of a build without optimisation
}

}  // namespace
}  // namespace sallyport::policy::run_tests_test
