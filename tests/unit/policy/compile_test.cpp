#include "policy/compile.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "policy/compile/hours_timeline.hpp"
#include "policy/compile/interned_classes.hpp"
#include "policy/hours.hpp"
#include "policy/selector_index.hpp"
#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy::compile_test {
namespace {

using std::chrono::hours;

const TimePoint now = at("2026-11-23T09:00:00Z");  // a Monday

Service web(const std::string& name, std::initializer_list<std::string_view> prefixes = {}) {
  return service(name, prefixes, {{tcp, 80, 80}});
}

Rule until(Rule rule, TimePoint expires) {
  rule.expires = expires;
  return rule;
}

Rule daily(Rule rule, int begin, int end) {
  Hours span{.text = std::to_string(begin) + '-' + std::to_string(end), .begin = hours(begin), .end = hours(end)};
  span.days.fill(true);
  span.zone = "UTC";
  rule.hours = {span};
  return rule;
}

// The names of the rules in a class's row.
std::string row(const Compiler& compiler, std::uint32_t source_class) {
  const auto rules = numbered(compiler.policy().rules, abi::max_rules);
  const auto services = numbered(compiler.policy().services, abi::max_services);
  const auto found = compiler.source_classes().find(source_class);
  if (found == compiler.source_classes().end()) return source_class == 0 ? "nobody" : "unknown";
  std::string text;
  for (const abi::RowEntry& entry : found->second) {
    text += (text.empty() ? "" : " ") +
            (entry.service == abi::any_service ? std::string("*") : services.name_of(entry.service)) + ':' +
            rules.name_of(entry.rule);
    if (entry.audit_rule != 0) text += '+' + rules.name_of(entry.audit_rule);
  }
  return text;
}

TEST(Numbers, StayWithTheirNamesAndAreReusedLast) {
  Numbers numbers(5);  // 1 to 4
  ASSERT_TRUE(numbers.assign({"a", "b", "c"}));
  EXPECT_EQ(numbers.of("a"), 1U);
  EXPECT_EQ(numbers.of("c"), 3U);
  ASSERT_TRUE(numbers.assign({"c", "d"}));
  EXPECT_EQ(numbers.of("c"), 3U);
  EXPECT_EQ(numbers.of("d"), 4U);
  EXPECT_EQ(numbers.of("a"), 0U);
  ASSERT_TRUE(numbers.assign({"c", "d", "e"}));
  EXPECT_EQ(numbers.of("e"), 1U);
  EXPECT_EQ(numbers.name_of(1), "e");
  EXPECT_EQ(numbers.name_of(2), "");
  EXPECT_FALSE(numbers.assign({"c", "d", "e", "f", "g"}));
  EXPECT_EQ(numbers.of("e"), 1U);
}

TEST(Numbers, GoOnWhereAnEarlierProcessStopped) {
  Numbers numbers(5);
  numbers.restore({{"a", 2}, {"b", 3}, {"zero", 0}, {"high", 5}});
  EXPECT_EQ(numbers.all(), (std::map<std::string, std::uint32_t>{{"a", 2}, {"b", 3}}));
  ASSERT_TRUE(numbers.assign({"a", "c", "d"}));
  EXPECT_EQ(numbers.of("a"), 2U);
  EXPECT_EQ(numbers.of("c"), 4U);
  EXPECT_EQ(numbers.of("d"), 1U);
}

TEST(HoursTimeline, RemembersWhatTheHoursSay) {
  const Hours night = parse_hours("Mon-Fri 22:30-03:00 Europe/Berlin").value();
  HoursTimeline timeline(night);
  std::mt19937 random(1);
  for (unsigned i = 0; i < 300; ++i) {
    // Over the end of the summer time, back and forth.
    const TimePoint instant = at("2026-10-20T00:00:00Z") + std::chrono::minutes(random() % 20000);
    ASSERT_EQ(timeline.contains(instant), night.contains(instant));
    ASSERT_EQ(timeline.next_change(instant), night.next_change(instant));
  }
}

TEST(SelectorIndex, FindsWhatMatchesAndNothingElse) {
  SelectorIndex index;
  index.add(selector("claim:c/a=bc"), 1);
  index.add(selector("claim:c/ab=c"), 2);
  index.add(selector("spiffe://*.org/x"), 3);
  index.add(selector("spiffe://*.org/*"), 3);
  index.add(selector("net:10.0.0.0/8"), 4);
  index.add(selector("net:10.1.0.0/16"), 5);
  index.add(selector("*"), 9);
  using Items = std::vector<std::uint32_t>;
  EXPECT_EQ(index.matching({}), Items{9});
  EXPECT_EQ(index.matching({.claims = {{"c", "a", {"x", "bc"}}}}), (Items{1, 9}));
  EXPECT_EQ(index.matching(named("spiffe://a.org/x")), (Items{3, 9}));
  EXPECT_EQ(index.matching(named("spiffe://a.b.org/x")), Items{9});
  EXPECT_EQ(index.matching({.net = prefix("10.1.2.0/24")}), (Items{4, 5, 9}));
  EXPECT_EQ(index.matching({.net = prefix("0.0.0.0/0")}), Items{9});
}

TEST(Compiler, SharesAClassBetweenThoseWithTheSameAccess) {
  Compiler compiler =
      compiler_of(policy_of({web("a"), web("b")}, {rule("r1", Action::allow, {"user:c/ann", "tag:x"}, {"a"}),
                                                   rule("r2", Action::allow, {"user:c/bob"}, {"b"}),
                                                   rule("r3", Action::allow, {"tag:x"}, {"a"})}));
  const auto ann = compiler.access(named("user:c/ann"), now).value();
  EXPECT_EQ(ann.source_class, 1U);
  EXPECT_EQ(row(compiler, 1), "a:r1");
  EXPECT_EQ(compiler.access({.tags = {"x"}}, now).value(), ann);  // r3 says nothing that r1 does not
  EXPECT_EQ(compiler.access(named("user:c/bob"), now).value().source_class, 2U);
  EXPECT_EQ(compiler.access(named("user:c/carl"), now).value().source_class, 0U);
  EXPECT_EQ(compiler.access({}, now).value(), SourceAccess{});
}

TEST(Compiler, RowsLeaveOutWhatNoPacketCanMeet) {
  Rule late = rule("late", Action::deny, {"*"}, {"b"});
  late.priority = 700;
  Rule early = rule("early", Action::audit, {"*"}, {"*"});
  early.priority = 400;
  Compiler compiler = compiler_of(policy_of({web("a"), web("b")}, {rule("all", Action::allow, {"*"}, {"*"}), late,
                                                                   early, rule("a-deny", Action::deny, {"*"}, {"a"})}));
  EXPECT_EQ(row(compiler, compiler.access({}, now).value().source_class), "a:a-deny *:all+early");
}

TEST(Compiler, AccessEndsByItselfAtEachStep) {
  const Policy policy =
      policy_of({web("a"), web("b")}, {until(rule("r1", Action::allow, {"*"}, {"a"}), now + hours(1)),
                                       until(rule("r2", Action::allow, {"*"}, {"b"}), now + hours(2))});
  Compiler compiler = compiler_of(policy);
  const auto access = compiler.access({}, now).value();
  EXPECT_EQ(row(compiler, access.source_class), "a:r1 b:r2");
  ASSERT_EQ(access.steps.size(), 2U);
  EXPECT_EQ(access.steps[0].not_after, now + hours(1));
  EXPECT_EQ(row(compiler, access.steps[0].next_class), "b:r2");
  EXPECT_EQ(access.steps[1], (AccessStep{now + hours(2), 0}));

  const auto ended = compiler.access({.not_after = now + hours(1)}, now).value();
  EXPECT_EQ(ended.steps, (std::vector<AccessStep>{{now + hours(1), 0}}));
  EXPECT_EQ(compiler.access({.not_after = now}, now).value(), SourceAccess{});
}

TEST(Compiler, APostureThatLapsesEndsByItselfWhatItGave) {
  Policy policy =
      policy_of({web("a"), web("b")}, {rule("r1", Action::allow, {"*"}, {"a"}), rule("r2", Action::allow, {"*"}, {"b"}),
                                       until(rule("r3", Action::allow, {"*"}, {"b"}), now + hours(2))});
  policy.postures.push_back({.name = "managed", .conditions = {{"x == true", "x", Comparison::equal, true}}});
  for (Rule& one : policy.rules)
    if (one.name != "r1") one.posture = {"managed"};
  policy.rules[1].expires = now + hours(3);
  Compiler compiler = compiler_of(policy);
  Facts facts{.posture = {{"x", true}}, .posture_until = now + hours(1), .not_after = now + hours(4)};
  const auto access = compiler.access(facts, now).value();
  EXPECT_EQ(row(compiler, access.source_class), "a:r1 b:r2");
  ASSERT_EQ(access.steps.size(), 2U);
  EXPECT_EQ(access.steps[0].not_after, now + hours(1));
  EXPECT_EQ(row(compiler, access.steps[0].next_class), "a:r1");
  EXPECT_EQ(access.steps[1], (AccessStep{now + hours(4), 0}));

  facts.posture_until = now;
  EXPECT_EQ(compiler.access(facts, now).value().steps, (std::vector<AccessStep>{{now + hours(4), 0}}));
  facts.posture_until = now + hours(1);
  facts.posture["x"] = false;
  EXPECT_EQ(row(compiler, compiler.access(facts, now)->source_class), "a:r1");
}

TEST(Compiler, APostureThatLapsesAfterTheLastStepGivesNothingFromThatStepOn) {
  Rule managed = rule("managed", Action::allow, {"*"}, {"p"});
  managed.posture = {"managed"};
  std::vector<Service> services{web("p")};
  std::vector<Rule> rules{managed};
  for (int i = 1; i <= 5; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    services.push_back(web(name));
    rules.push_back(until(rule(name, Action::allow, {"*"}, {name}), now + hours(i)));
  }
  Policy policy = policy_of(services, rules);
  policy.postures.push_back({.name = "managed", .conditions = {{"x == true", "x", Comparison::equal, true}}});
  Compiler compiler = compiler_of(policy);
  const auto access = compiler.access({.posture = {{"x", true}}, .posture_until = now + hours(9)}, now).value();
  ASSERT_EQ(access.steps.size(), 4U);
  EXPECT_EQ(row(compiler, access.steps[2].next_class), "p:managed e:e f:f");
  EXPECT_EQ(access.steps[3], (AccessStep{now + hours(4), 0}));
  // One that does not lapse stays.
  const auto lasting = compiler.access({.posture = {{"x", true}}}, now).value();
  EXPECT_EQ(row(compiler, lasting.steps.at(3).next_class), "p:managed");
}

TEST(Compiler, StepsThatChangeNothingAreNone) {
  Rule shadowed = until(rule("shadowed", Action::allow, {"*"}, {"a"}), now + hours(1));
  shadowed.priority = 600;
  Compiler compiler =
      compiler_of(policy_of({web("a")}, {rule("r", Action::allow, {"*"}, {"a"}), shadowed, daily(shadowed, 10, 11)}));
  EXPECT_TRUE(compiler.access({}, now).value().steps.empty());
}

TEST(Compiler, AfterTheLastStepOnlyWhatLastsIsAllowedAndAllThatMayComeIsDenied) {
  Compiler compiler = compiler_of(policy_of(
      {web("a"), web("b"), web("c")},
      {daily(rule("work", Action::allow, {"*"}, {"a"}), 8, 17), daily(rule("night", Action::deny, {"*"}, {"b"}), 22, 6),
       rule("b", Action::allow, {"*"}, {"b"}), until(rule("c", Action::allow, {"*"}, {"c"}), now + hours(1000))}));
  const auto access = compiler.access({}, now).value();
  EXPECT_EQ(row(compiler, access.source_class), "a:work b:b c:c");
  ASSERT_EQ(access.steps.size(), 4U);
  EXPECT_EQ(access.steps[0].not_after, at("2026-11-23T17:00:00Z"));
  EXPECT_EQ(row(compiler, access.steps[0].next_class), "b:b c:c");
  EXPECT_EQ(access.steps[1].not_after, at("2026-11-23T22:00:00Z"));
  EXPECT_EQ(row(compiler, access.steps[1].next_class), "b:night c:c");
  EXPECT_EQ(row(compiler, access.steps[2].next_class), "b:b c:c");
  EXPECT_EQ(access.steps[3].not_after, at("2026-11-24T08:00:00Z"));
  EXPECT_EQ(row(compiler, access.steps[3].next_class), "b:night");
}

TEST(Compiler, NumbersOfReleasedClassesAreGivenOutLast) {
  Compiler compiler =
      compiler_of(policy_of({web("a"), web("b"), web("c"), web("d"), web("e")},
                            {rule("ra", Action::allow, {"tag:a"}, {"a"}), rule("rb", Action::allow, {"tag:b"}, {"b"}),
                             rule("rc", Action::allow, {"tag:c"}, {"c"}), rule("rd", Action::allow, {"tag:d"}, {"d"}),
                             rule("re", Action::allow, {"tag:e"}, {"e"})}),
                  4);
  const auto class_of = [&](const char* tag) { return compiler.access({.tags = {tag}}, now); };
  EXPECT_EQ(class_of("a")->source_class, 1U);
  EXPECT_EQ(class_of("b")->source_class, 2U);
  compiler.keep_only({2}, {});
  EXPECT_EQ(class_of("c")->source_class, 3U);
  EXPECT_EQ(class_of("d")->source_class, 1U);
  EXPECT_EQ(class_of("b")->source_class, 2U);
  EXPECT_EQ(class_of("a").error(),
            "there are more than 3 different sets of access (max_classes); those split most: rule rb (policy.toml:20), "
            "rule rc (policy.toml:30), rule rd (policy.toml:40)");
}

TEST(InternedClasses, TogetherHaveABound) {
  InternedClasses<std::uint32_t> classes(10);
  std::vector<std::uint32_t> large(InternedClasses<std::uint32_t>::max_entries, 1);
  EXPECT_EQ(classes.intern(large), 1U);
  EXPECT_FALSE(classes.intern({2}));
  EXPECT_EQ(classes.excess("lists"), "different lists come to more than 8388608 entries");
  classes.keep_only({});
  EXPECT_EQ(classes.intern({2}), 2U);
}

TEST(Compiler, ADrainingEndpointStaysItsServicesForFlowsThatGoOn) {
  Service live = web("live");
  live.endpoints = "x";
  Service other = web("other");
  other.endpoints = "y";
  Compiler compiler = compiler_of(policy_of({web("net", {"10.1.0.0/16"}), live, other},
                                            {rule("r", Action::allow, {"*"}, {"net", "live", "other"})}));
  const Endpoints ready{{"live", {prefix("10.2.0.1/32"), prefix("10.2.0.2/32")}}};
  const Endpoints draining{{"live", {prefix("10.1.0.1/32"), prefix("10.2.0.2/32"), prefix("10.2.0.3/32")}},
                           {"other", {prefix("10.2.0.1/32"), prefix("10.2.0.3/32")}},
                           {"net", {prefix("10.9.0.1/32")}}};
  const auto addresses = compiler.addresses(ready, draining, now).value();
  const auto services = numbered(compiler.policy().services, abi::max_services);
  const auto names = [&](std::uint32_t number) {
    std::string text;
    const auto of = compiler.destination_classes().find(number);
    if (of == compiler.destination_classes().end()) return std::string("none");
    for (const std::uint32_t service : of->second) text += (text.empty() ? "" : " ") + services.name_of(service);
    return text;
  };
  std::string text;
  for (const auto& [net, entry] : addresses)
    text += net.to_string() + ": " + names(entry.destination_class) + " | " +
            (entry.draining ? "draining" : names(entry.opening_class)) + '\n';
  EXPECT_EQ(text,
            "0.0.0.0/0: none | none\n"
            "::/0: none | none\n"
            "10.1.0.0/16: net | none\n"
            "10.1.0.1/32: net live | net\n"
            "10.2.0.1/32: live other | live\n"
            "10.2.0.2/32: live | none\n"
            "10.2.0.3/32: live other | draining\n");
}

TEST(Compiler, AnAddressHasAllServicesThatCoverItAndTheAccessOfItsPrefix) {
  Service live = web("live");
  live.endpoints = "x";
  Compiler compiler =
      compiler_of(policy_of({web("all", {"0.0.0.0/0"}), web("net", {"10.0.0.0/8"}), web("host", {"10.1.1.1/32"}),
                             web("unused", {"10.2.0.0/16"}), live},
                            {rule("everybody", Action::allow, {"*"}, {"all"}),
                             rule("inside", Action::allow, {"net:10.1.0.0/16"}, {"net", "host", "live"})}));
  const auto addresses =
      compiler.addresses({{"live", {prefix("10.1.1.2/32")}}, {"net", {prefix("9.0.0.0/8")}}}, {}, now);
  ASSERT_TRUE(addresses);
  std::string text;
  const auto services = numbered(compiler.policy().services, abi::max_services);
  for (const auto& [net, entry] : *addresses) {
    text += net.to_string() + ": " + row(compiler, entry.access.source_class) + " |";
    const auto of = compiler.destination_classes().find(entry.destination_class);
    if (of != compiler.destination_classes().end()) {
      for (const std::uint32_t number : of->second) text += ' ' + services.name_of(number);
    }
    text += '\n';
  }
  EXPECT_EQ(text,
            "0.0.0.0/0: all:everybody | all\n"
            "::/0: all:everybody |\n"
            "10.0.0.0/8: all:everybody | all net\n"
            "10.1.0.0/16: all:everybody net:inside host:inside live:inside | all net\n"
            "10.1.1.1/32: all:everybody net:inside host:inside live:inside | all net host\n"
            "10.1.1.2/32: all:everybody net:inside host:inside live:inside | all net live\n"
            "10.2.0.0/16: all:everybody | all net\n");
}

TEST(Compiler, TenThousandPeersAndAHundredThousandRulesTakeNoTime) {
  Policy policy;
  for (unsigned i = 0; i < 1000; ++i) policy.services.push_back(web("s" + std::to_string(i)));
  for (unsigned i = 0; i < 100000; ++i) {
    const std::string number = std::to_string(i);
    Rule one = rule(
        "r" + number, Action::allow,
        {i % 2 == 0 ? "user:corp/u" + std::to_string(i % 10000) : "claim:corp/groups=g" + std::to_string(i % 1000)},
        {"s" + std::to_string(i % 1000)});
    if (i % 10 == 0) one.from.push_back(selector("spiffe://*.d" + number + ".org/sa"));
    policy.rules.push_back(std::move(one));
  }
  Compiler compiler = compiler_of(policy, 20000);
  const std::clock_t begin = std::clock();
  for (unsigned i = 0; i < 10000; ++i) {
    const Facts facts{.names = {"user:corp/u" + std::to_string(i)},
                      .claims = {{"corp", "groups", {"g" + std::to_string(i % 1000)}}},
                      .not_after = now + hours(8)};
    ASSERT_EQ(compiler.access(facts, now).value().steps.size(), 1U);
  }
  EXPECT_LT(std::clock() - begin, 15 * CLOCKS_PER_SEC);  // of a build without optimisation
}

TEST(Compiler, ManyNestedPrefixesAndNetSelectorsTakeNoTime) {
  Policy policy;
  for (unsigned i = 0; i < 10000; ++i) {
    const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
    const std::string number = std::to_string(i);
    Service one = web("s" + number);
    one.prefixes = {{IpAddress::v4(10, byte(8), byte(0), 0), 24}, {IpAddress::v4(10, byte(8), 0, 0), 16}};
    policy.services.push_back(std::move(one));
    const IpPrefix inside{IpAddress::v4(11, byte(8), byte(0), 0), 24};
    policy.rules.push_back(rule("r" + number, Action::allow, {"net:" + inside.to_string()}, {"s" + number}));
  }
  Compiler compiler = compiler_of(policy, 20000);
  const std::clock_t begin = std::clock();
  EXPECT_EQ(compiler.addresses({}, {}, now).value().size(), 20000U + 40U);
  EXPECT_LT(std::clock() - begin, 15 * CLOCKS_PER_SEC);  // of a build without optimisation
}

}  // namespace
}  // namespace sallyport::policy::compile_test
