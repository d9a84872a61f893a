#include "policy/match.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "policy/conditions.hpp"
#include "policy/spiffe_pattern.hpp"
#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy::match_test {
namespace {

const TimePoint now = at("2026-11-23T09:00:00Z");

TEST(SpiffePattern, StarStandsForCharactersWithinOneLabelOrSegment) {
  struct Case {
    std::string_view pattern, name;
    bool matches;
  };
  for (const Case& one : {
           Case{"spiffe://a.org/x", "spiffe://a.org/x", true},
           Case{"spiffe://a.org/x", "spiffe://a.org/xy", false},
           Case{"spiffe://*.org/x", "spiffe://a.org/x", true},
           Case{"spiffe://*.org/x", "spiffe://.org/x", false},     // one character at least
           Case{"spiffe://*.org/x", "spiffe://b.a.org/x", false},  // never a '.'
           Case{"spiffe://a.org/*", "spiffe://a.org/x/y", false},  // never a '/'
           Case{"spiffe://a.org/*", "spiffe://a.org/x.y", false},
           Case{"spiffe://a.org/*", "spiffe://a.org/", false},
           Case{"spiffe://a.org/p*q", "spiffe://a.org/pq", false},
           Case{"spiffe://a.org/p*q", "spiffe://a.org/pqq", true},
           Case{"spiffe://a.org/*-*-c", "spiffe://a.org/a-b-c-c", true},
           Case{"spiffe://a.org/*ab*/z", "spiffe://a.org/xabab/z", true},
           Case{"spiffe://a.org/*ab*/z", "spiffe://a.org/xab/z", false},
           Case{"spiffe://a.org/*", "spiffe://a.org/*", true},
           Case{"*", "a", true},
           Case{"*", "", false},
           Case{"", "", true},
           Case{"", "a", false},
       }) {
    EXPECT_EQ(spiffe_pattern_matches(one.pattern, one.name), one.matches) << one.pattern << " against " << one.name;
  }
}

TEST(SpiffePattern, HostilePatternsTakeNoLongerThanTheProductOfTheLengths) {
  std::string pattern = "spiffe://a.org/";
  for (unsigned i = 0; i < 500; ++i) pattern += "*a";
  const std::string name = "spiffe://a.org/" + std::string(2000, 'a');
  EXPECT_TRUE(spiffe_pattern_matches(pattern, name));
  EXPECT_FALSE(spiffe_pattern_matches(pattern + 'b', name));
  EXPECT_FALSE(spiffe_pattern_matches(pattern + "*/b", name + "/c"));
}

TEST(Matches, EachKindLooksAtItsOwnFacts) {
  const Facts ann{.peer = "laptop",
                  .names = {"user:corp/ann", "spiffe://a.example.org/sa/x"},
                  .tags = {"blue"},
                  .claims = {{"corp", "groups", {"dev", "sre"}}}};
  for (const auto* text :
       {"*", "user:corp/ann", "spiffe://*.example.org/sa/*", "tag:blue", "peer:laptop", "claim:corp/groups=sre"}) {
    EXPECT_TRUE(matches(selector(text), ann)) << text;
  }
  for (const auto* text :
       {"user:corp/an", "user:lab/ann", "spiffe://*.example.org/*", "tag:laptop", "peer:blue", "claim:lab/groups=sre",
        "claim:corp/roles=sre", "claim:corp/groups=ops", "net:0.0.0.0/0", "net:::/0", "ike:fqdn=ann"}) {
    EXPECT_FALSE(matches(selector(text), ann)) << text;
  }
}

TEST(Matches, NetIsForSourcesWithoutAPeerWhoseWholePrefixIsInside) {
  const auto from = [](const char* text) { return Facts{.net = prefix(text)}; };
  EXPECT_TRUE(matches(selector("net:10.0.0.0/8"), from("10.1.0.0/16")));
  EXPECT_TRUE(matches(selector("net:10.0.0.0/8"), from("10.0.0.0/8")));
  EXPECT_FALSE(matches(selector("net:10.0.0.0/8"), from("0.0.0.0/0")));
  EXPECT_FALSE(matches(selector("net:0.0.0.0/0"), from("::/0")));
  EXPECT_TRUE(matches(selector("*"), from("10.1.0.0/16")));
  EXPECT_FALSE(matches({.kind = SelectorKind::peer, .text = "peer:"}, from("10.1.0.0/16")));
}

bool holds(const char* value_text, Comparison comparison, const PostureValue& wanted, const PostureValue& value) {
  return posture_value_holds({value_text, "key", comparison, wanted}, value);
}

TEST(Posture, ComparesNumbersExactlyAndUnlikeTypesNever) {
  constexpr std::int64_t large = (std::int64_t{1} << 53) + 1;
  EXPECT_TRUE(holds("<= 30", Comparison::less_equal, std::int64_t{30}, std::int64_t{30}));
  EXPECT_FALSE(holds("<= 30", Comparison::less_equal, std::int64_t{30}, std::int64_t{31}));
  EXPECT_TRUE(holds("< 30.5", Comparison::less, 30.5, std::int64_t{30}));
  EXPECT_FALSE(holds("==", Comparison::equal, large, static_cast<double>(large)));
  EXPECT_FALSE(holds("!= nan", Comparison::not_equal, 1.0, std::nan("")));
  EXPECT_TRUE(holds("!= a", Comparison::not_equal, std::string("a"), std::string("b")));
  EXPECT_FALSE(holds("!= a", Comparison::not_equal, std::string("a"), true));
  EXPECT_FALSE(holds("!= 1", Comparison::not_equal, std::int64_t{1}, true));
  EXPECT_FALSE(holds("!= true", Comparison::not_equal, true, std::string("true")));
  EXPECT_FALSE(holds(">= a", Comparison::greater_equal, std::string("a"), std::string("b")));
}

TEST(Conditions, AnUnknownAuthenticationTimeAndAMissingPostureHoldNothing) {
  Policy policy;
  policy.postures.push_back({.name = "managed", .conditions = {{"x == true", "x", Comparison::equal, true}}});
  Rule fresh = rule("r", Action::allow, {"*"}, {"*"});
  fresh.auth_age = std::chrono::hours(4);
  EXPECT_FALSE(conditions_hold(policy, fresh, {}, now));
  EXPECT_EQ(next_change(fresh, {}, now), std::nullopt);
  const Facts four_hours{.authenticated_at = now - std::chrono::hours(4)};
  EXPECT_TRUE(conditions_hold(policy, fresh, four_hours, now));
  EXPECT_EQ(next_change(fresh, four_hours, now), now + std::chrono::seconds(1));
  EXPECT_FALSE(conditions_hold(policy, fresh, four_hours, now + std::chrono::seconds(1)));
  EXPECT_TRUE(conditions_hold(policy, fresh, {.authenticated_at = now + std::chrono::hours(1)}, now));

  Rule managed = rule("r", Action::allow, {"*"}, {"*"});
  managed.posture = {"managed"};
  EXPECT_FALSE(conditions_hold(policy, managed, {}, now));
  EXPECT_FALSE(conditions_hold(policy, managed, {.posture = {{"x", false}}}, now));
  EXPECT_TRUE(conditions_hold(policy, managed, {.posture = {{"x", true}}}, now));
}

TEST(Conditions, APostureThatLapsesIsUnknownFromItsVerySecondOn) {
  Policy policy;
  policy.postures.push_back({.name = "managed", .conditions = {{"x == true", "x", Comparison::equal, true}}});
  Rule managed = rule("r", Action::allow, {"*"}, {"*"});
  managed.posture = {"managed"};
  const Facts facts{.posture = {{"x", true}}, .posture_until = now};
  const TimePoint before = now - std::chrono::seconds(1);
  EXPECT_TRUE(conditions_hold(policy, managed, facts, before));
  EXPECT_EQ(next_change(managed, facts, before), now);
  EXPECT_FALSE(conditions_hold(policy, managed, facts, now));
  EXPECT_EQ(next_change(managed, facts, now), std::nullopt);

  managed.expires = now + std::chrono::hours(1);
  EXPECT_EQ(next_change(managed, facts, now), std::nullopt) << "it is over for good";
  const Rule other = rule("r", Action::allow, {"*"}, {"*"});
  EXPECT_TRUE(conditions_hold(policy, other, facts, now));
  EXPECT_EQ(next_change(other, facts, before), std::nullopt);
}

TEST(Conditions, TheEndOfTheCredentialEndsAllowRulesAlone) {
  const Facts ended{.not_after = now};
  EXPECT_FALSE(conditions_hold({}, rule("r", Action::allow, {"*"}, {"*"}), ended, now));
  EXPECT_TRUE(conditions_hold({}, rule("r", Action::allow, {"*"}, {"*"}), ended, now - std::chrono::seconds(1)));
  EXPECT_TRUE(conditions_hold({}, rule("r", Action::deny, {"*"}, {"*"}), ended, now));
  EXPECT_EQ(next_change(rule("r", Action::allow, {"*"}, {"*"}), ended, now - std::chrono::hours(1)), now);
  EXPECT_EQ(next_change(rule("r", Action::deny, {"*"}, {"*"}), ended, now - std::chrono::hours(1)), std::nullopt);
}

TEST(Conditions, ExpiresIsTheFirstInstantWithoutTheRule) {
  Rule until = rule("r", Action::deny, {"*"}, {"*"});
  until.expires = now;
  EXPECT_TRUE(conditions_hold({}, until, {}, now - std::chrono::seconds(1)));
  EXPECT_FALSE(conditions_hold({}, until, {}, now));
  EXPECT_EQ(next_change(until, {}, now - std::chrono::seconds(1)), now);
  EXPECT_EQ(next_change(until, {}, now), std::nullopt);
}

TEST(PortMatches, CountsPortsOnlyWhereThereAreAny) {
  const Service web{.ports = {{tcp, 80, 90}, {icmp, 0, 65535}}};
  EXPECT_TRUE(port_matches(web, tcp, 80));
  EXPECT_TRUE(port_matches(web, tcp, 90));
  EXPECT_FALSE(port_matches(web, tcp, 91));
  EXPECT_FALSE(port_matches(web, udp, 80));
  EXPECT_TRUE(port_matches(web, icmp, 0x800));
  EXPECT_TRUE(port_matches({.ports = {{abi::any_protocol, 0, 65535}}}, sctp, 0));
}

}  // namespace
}  // namespace sallyport::policy::match_test
