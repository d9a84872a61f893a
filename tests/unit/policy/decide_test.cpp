#include "policy/decide.hpp"

#include <gtest/gtest.h>

#include "policy_text.hpp"
#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy::decide_test {
namespace {

constexpr const char* text = R"([issuer.corp]
type = "oidc"
issuer = "https://idp.example.com"
jwks_file = "corp.json"
audience = "gateway"

[service]
backend = { prefixes = ["10.20.0.0/24"], ports = ["tcp/8080", "udp/53"] }
all-web = { prefixes = ["10.0.0.0/8"], ports = ["tcp/443"] }
laptop = { identities = ["user:corp/ann"], ports = ["tcp/22"] }
live = { endpoints = "prod/shop/live", ports = ["tcp/1"] }

[posture]
managed = ["disk_encrypted == true"]

[[rule]]
name = "ann-backend"
action = "allow"
from = ["user:corp/ann"]
to = ["backend", "laptop"]
[[rule]]
name = "dev-backend"
action = "allow"
from = ["user:corp/dev"]
to = ["backend"]
when = { posture = ["managed"], auth_age = "4h", hours = "Mon-Fri 07:00-19:00 Europe/Berlin" }
[[rule]]
name = "frozen"
action = "deny"
from = ["user:corp/bob"]
to = ["*"]
[[rule]]
name = "bob-backend"
action = "allow"
from = ["user:corp/bob"]
to = ["backend"]
[[rule]]
name = "watch"
action = "audit"
from = ["user:corp/ann"]
to = ["*"]
[[rule]]
name = "live"
action = "allow"
from = ["user:corp/ann"]
to = ["live"]
expires = 2026-12-01T00:00:00Z
)";

const TimePoint monday_morning = at("2026-11-23T09:00:00Z");

class Decide : public testing::Test {
 protected:
  [[nodiscard]] Explanation explained(Facts source, Destination destination, std::uint8_t protocol, std::uint16_t port,
                                      TimePoint at = monday_morning) const {
    return explain(policy_, endpoints_, {std::move(source), std::move(destination), protocol, port}, at);
  }
  [[nodiscard]] static Destination host(std::string_view text_of_address) {
    return {.address = address(text_of_address)};
  }

  Policy policy_ = valid(text);
  Endpoints endpoints_{{"live", {prefix("192.0.2.1/32")}}};
};

std::string considered(const Explanation& explanation) {
  std::string result;
  for (const Considered& one : explanation.considered) result += one.rule->name + ": " + one.why_not + '\n';
  return result;
}

std::string hints(const Explanation& explanation) {
  std::string result;
  for (const std::string& hint : explanation.hints) result += hint + '\n';
  return result;
}

TEST_F(Decide, NothingIsAllowedThatNoRuleAllows) {
  const auto answer = explained(named("user:corp/carl"), host("10.20.0.7"), tcp, 8080);
  EXPECT_FALSE(answer.decision.allowed);
  EXPECT_EQ(answer.decision.rule, nullptr);
  EXPECT_EQ(answer.services, std::vector<std::string>{"backend"});
  EXPECT_EQ(answer.other_services, std::vector<std::string>{"all-web"});
  EXPECT_EQ(considered(answer), "");
  EXPECT_EQ(hints(answer),
            "allow it: add \"user:corp/carl\" to the from of rule ann-backend (policy.toml:17)\n"
            "allow it: add \"user:corp/carl\" to the from of rule bob-backend (policy.toml:33)\n"
            "allow it: add \"user:corp/carl\" to the from of rule dev-backend (policy.toml:22)\n");
}

TEST_F(Decide, AnAuditRuleIsRecordedBesideWhatItWouldHaveDenied) {
  const auto answer = explained(named("user:corp/ann"), host("10.20.0.7"), tcp, 8080);
  EXPECT_TRUE(answer.decision.allowed);
  EXPECT_EQ(answer.decision.rule->name, "ann-backend");
  EXPECT_EQ(answer.decision.audit_rule->name, "watch");
  EXPECT_EQ(explained(named("user:corp/ann"), host("10.9.0.7"), tcp, 443).decision.audit_rule, nullptr);
}

TEST_F(Decide, DenyComesBeforeAllowAndSaysSo) {
  const auto answer = explained(named("user:corp/bob"), host("10.20.0.7"), tcp, 8080);
  EXPECT_FALSE(answer.decision.allowed);
  EXPECT_EQ(answer.decision.rule->name, "frozen");
  EXPECT_EQ(considered(answer), "bob-backend: comes after frozen\n");
  EXPECT_EQ(hints(answer),
            "rule frozen (policy.toml:28) denies it because of \"user:corp/bob\": only a rule with a priority below "
            "500 can allow it\n");
}

TEST_F(Decide, ConditionsThatDoNotHoldAreNamed) {
  Facts dev = named("user:corp/dev");
  const auto why = [&](TimePoint at) { return considered(explained(dev, host("10.20.0.7"), tcp, 8080, at)); };
  EXPECT_EQ(why(at("2026-11-22T09:00:00Z")),
            "dev-backend: hours: outside Mon-Fri 07:00-19:00 Europe/Berlin, which begins at 2026-11-23T06:00:00Z\n");
  EXPECT_EQ(why(monday_morning), "dev-backend: auth_age: the time of authentication is unknown\n");
  dev.authenticated_at = monday_morning - std::chrono::minutes(301);
  EXPECT_EQ(why(monday_morning), "dev-backend: auth_age: authenticated 5h1m ago, wanted is at most 4h\n");
  dev.authenticated_at = monday_morning;
  EXPECT_EQ(why(monday_morning), "dev-backend: posture managed: disk_encrypted is unknown\n");
  dev.posture["disk_encrypted"] = false;
  const auto answer = explained(dev, host("10.20.0.7"), tcp, 8080);
  EXPECT_EQ(considered(answer),
            "dev-backend: posture managed: disk_encrypted is false, wanted is disk_encrypted == true\n");
  EXPECT_EQ(hints(answer),
            "rule dev-backend (policy.toml:22) would allow it, but for posture managed: disk_encrypted is false, "
            "wanted is disk_encrypted == true\n");
  dev.posture["disk_encrypted"] = true;
  dev.posture_until = monday_morning;
  EXPECT_EQ(why(monday_morning), "dev-backend: posture managed: what the device said lapsed at 2026-11-23T09:00:00Z\n");
  dev.posture_until = monday_morning + std::chrono::seconds(1);
  EXPECT_TRUE(explained(dev, host("10.20.0.7"), tcp, 8080).decision.allowed);
  dev.not_after = monday_morning;
  EXPECT_EQ(why(monday_morning), "dev-backend: the credential ended at 2026-11-23T09:00:00Z\n");
}

TEST_F(Decide, SaysWhenNoServiceCoversTheDestinationOrItsPort) {
  EXPECT_EQ(hints(explained(named("user:corp/ann"), host("9.9.9.9"), tcp, 80)), "no service covers 9.9.9.9\n");
  EXPECT_EQ(hints(explained(named("user:corp/ann"), host("10.20.0.1"), tcp, 22)),
            "the port is not among the ports of all-web: tcp/443\n"
            "the port is not among the ports of backend: tcp/8080, udp/53\n");
}

TEST_F(Decide, APeerIsADestinationByItsIdentityAndALiveServiceByItsEndpoints) {
  const Facts ann = named("user:corp/ann");
  EXPECT_TRUE(explained(ann, {.address = address("10.8.0.2"), .peer = ann}, tcp, 22).decision.allowed);
  EXPECT_FALSE(
      explained(ann, {.address = address("10.8.0.2"), .peer = named("user:corp/bob")}, tcp, 22).decision.allowed);
  EXPECT_TRUE(explained(ann, host("192.0.2.1"), tcp, 1).decision.allowed);
  EXPECT_FALSE(explained(ann, host("192.0.2.2"), tcp, 1).decision.allowed);
  EXPECT_TRUE(explained(ann, {.services = {"live"}}, tcp, 1).decision.allowed);
  EXPECT_EQ(considered(explained(ann, host("192.0.2.1"), tcp, 1, at("2026-12-01T00:00:00Z"))),
            "watch: audit never decides, and it is denied\nlive: expires: it ended at 2026-12-01T00:00:00Z\n");
}

TEST_F(Decide, NothingBeginsTowardsADrainingEndpoint) {
  const Facts ann = named("user:corp/ann");
  const Endpoints draining{{"live", {prefix("192.0.2.2/32"), prefix("10.20.0.7/32"), prefix("192.0.2.1/32")}}};
  const auto asked = [&](const Facts& source, std::string_view to, std::uint16_t port) {
    return explain(policy_, endpoints_, {source, host(to), tcp, port}, monday_morning, draining);
  };
  EXPECT_TRUE(asked(ann, "192.0.2.1", 1).decision.allowed) << "it is ready as well";
  const auto gone = asked(ann, "192.0.2.2", 1);
  EXPECT_FALSE(gone.decision.allowed);
  EXPECT_TRUE(gone.decision.draining);
  EXPECT_EQ(gone.decision.rule, nullptr);
  EXPECT_TRUE(gone.services.empty());
  EXPECT_EQ(hints(gone), "192.0.2.2 is draining: flows to it as live go on, new ones do not begin\n");

  EXPECT_TRUE(asked(ann, "10.20.0.7", 8080).decision.allowed) << "as backend, which it is by its prefix";
  EXPECT_EQ(asked(ann, "10.20.0.7", 8080).decision.rule->name, "ann-backend");
  EXPECT_TRUE(asked(ann, "10.20.0.7", 1).decision.draining) << "but not as live";
  const auto bob = asked(named("user:corp/bob"), "192.0.2.2", 1);
  EXPECT_EQ(bob.decision.rule->name, "frozen") << "what is denied anyway is denied by its rule";
  EXPECT_FALSE(bob.decision.draining);
  EXPECT_FALSE(asked(named("user:corp/carl"), "192.0.2.2", 1).decision.draining) << "he never had a right";
}

TEST(DrainingDestinations, AreReachedByNobodyThroughTheRuleOfEverything) {
  const Policy policy = valid(R"(
[service]
live = { endpoints = "prod/shop/live", ports = ["tcp/80"] }
net = { prefixes = ["10.2.0.0/16"], ports = ["udp"] }
[[rule]]
name = "no-live"
action = "deny"
from = ["*"]
to = ["live"]
[[rule]]
name = "all"
action = "allow"
from = ["*"]
to = ["*"]
)");
  const Endpoints draining{{"live", {prefix("10.1.0.1/32"), prefix("10.2.0.1/32")}}};
  const auto to = [&](std::string_view text_of_address, std::uint16_t port) {
    return decide(policy, {}, {{}, {.address = address(text_of_address)}, tcp, port}, monday_morning, draining);
  };
  EXPECT_TRUE(to("10.1.0.1", 22).draining) << "it is on its way out";
  EXPECT_TRUE(to("10.2.0.1", 22).allowed) << "it is still a host of net";
  EXPECT_EQ(to("10.2.0.1", 80).rule->name, "no-live") << "nobody gains by its draining";
  EXPECT_TRUE(to("10.2.0.2", 80).allowed);
}

}  // namespace
}  // namespace sallyport::policy::decide_test
