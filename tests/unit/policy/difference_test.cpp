#include "policy/difference.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy::difference_test {
namespace {

const TimePoint now = at("2026-11-23T09:00:00Z");
const std::vector<Subject> people{{"ann", named("user:c/ann")}, {"bob", named("user:c/bob")}};

std::string changes(const Policy& before, const Policy& after, const std::vector<Subject>& subjects = people) {
  std::string text;
  for (const AccessChange& change : difference(before, after, subjects, {}, now)) {
    const char* kind = change.kind == ChangeKind::gains   ? " gains "
                       : change.kind == ChangeKind::loses ? " loses "
                                                          : " changes ";
    text += change.subject + kind + change.target + ": " + change.before + " -> " + change.after + '\n';
  }
  return text;
}

const Service backend = service("backend", {"10.1.0.0/16"}, {{tcp, 8080, 8080}, {udp, 53, 60}});
const Rule allow_ann = rule("r", Action::allow, {"user:c/ann"}, {"backend"});

TEST(PolicyDifference, OfAPolicyWithItselfIsEmpty) {
  const Policy policy = policy_of({backend}, {allow_ann, rule("n", Action::allow, {"net:10.0.0.0/8"}, {"*"})});
  EXPECT_EQ(changes(policy, policy), "");
}

TEST(PolicyDifference, SaysWhoGainsAndLosesWhat) {
  const Rule allow_bob = rule("r", Action::allow, {"user:c/bob"}, {"backend"});
  EXPECT_EQ(changes(policy_of({backend}, {allow_ann}), policy_of({backend}, {allow_bob})),
            "ann loses backend:tcp/8080: allowed by rule 'r' (policy.toml:10) -> denied: no rule allows it\n"
            "ann loses backend:udp/53-60: allowed by rule 'r' (policy.toml:10) -> denied: no rule allows it\n"
            "bob gains backend:tcp/8080: denied: no rule allows it -> allowed by rule 'r' (policy.toml:10)\n"
            "bob gains backend:udp/53-60: denied: no rule allows it -> allowed by rule 'r' (policy.toml:10)\n");
}

TEST(PolicyDifference, TellsAnotherRuleRateOrLogAsAChange) {
  Rule limited = allow_ann;
  limited.rate_bits_per_s = 1000;
  const std::string text = changes(policy_of({backend}, {allow_ann}), policy_of({backend}, {limited}));
  EXPECT_TRUE(text.starts_with("ann changes backend:tcp/8080: allowed by rule 'r'")) << text;
  Rule renamed = allow_ann;
  renamed.name = "q";
  EXPECT_FALSE(changes(policy_of({backend}, {allow_ann}), policy_of({backend}, {renamed})).empty());
}

TEST(PolicyDifference, CutsARangeWhereItsPortsDiffer) {
  Service wider = backend;
  wider.ports[1] = {udp, 53, 70};
  EXPECT_EQ(changes(policy_of({backend}, {allow_ann}), policy_of({wider}, {allow_ann})),
            "ann gains backend:udp/61-70: denied: no rule allows it -> allowed by rule 'r' (policy.toml:10)\n");
  const Service one_port = service("one", {"0.0.0.0/0"}, {{udp, 55, 55}});
  EXPECT_EQ(changes(policy_of({backend, one_port}, {allow_ann}),
                    policy_of({backend, one_port}, {allow_ann, rule("d", Action::deny, {"*"}, {"one"})}), {people[0]}),
            "ann loses backend:udp/55: allowed by rule 'r' (policy.toml:10) -> denied by rule 'd' (policy.toml:20)\n"
            "ann loses one:udp/55: allowed by rule 'r' (policy.toml:10) at 10.1.0.0 -> denied by rule 'd' "
            "(policy.toml:20) at 10.1.0.0\n");
}

TEST(PolicyDifference, NamesAnAddressWhereOnlyAPartChanges) {
  Service moved = backend;
  moved.prefixes = {prefix("10.1.0.0/17"), prefix("10.2.0.0/16")};
  EXPECT_EQ(
      changes(policy_of({backend}, {allow_ann}), policy_of({moved}, {allow_ann})),
      "ann gains backend:tcp/8080: denied: no rule allows it at 10.2.0.0 -> allowed by rule 'r' (policy.toml:10) "
      "at 10.2.0.0\n"
      "ann loses backend:tcp/8080: allowed by rule 'r' (policy.toml:10) at 10.1.128.0 -> denied: no rule allows "
      "it at 10.1.128.0\n"
      "ann gains backend:udp/53-60: denied: no rule allows it at 10.2.0.0 -> allowed by rule 'r' (policy.toml:10) "
      "at 10.2.0.0\n"
      "ann loses backend:udp/53-60: allowed by rule 'r' (policy.toml:10) at 10.1.128.0 -> denied: no rule allows "
      "it at 10.1.128.0\n");
}

TEST(PolicyDifference, RulesToEverythingAndNetSelectorsCountToo) {
  EXPECT_EQ(changes(policy_of({}, {}), policy_of({}, {rule("r", Action::allow, {"net:10.0.0.0/8"}, {"*"})})),
            "net:10.0.0.0/8 gains *: denied: no rule allows it -> allowed by rule 'r' (policy.toml:10)\n");
}

TEST(PolicyDifference, AThousandPeersAndTwoHundredServicesTakeSeconds) {
  Policy before;
  std::vector<Subject> subjects;
  for (unsigned i = 0; i < 200; ++i) {
    Service one{.name = "s" + std::to_string(i), .ports = {{tcp, 80, 80}, {udp, 53, 53}}};
    one.prefixes = {{IpAddress::v4(10, static_cast<std::uint8_t>(i), 0, 0), 16}};
    before.services.push_back(std::move(one));
  }
  for (unsigned i = 0; i < 1000; ++i) {
    const std::string name = "user:c/" + std::to_string(i);
    subjects.push_back({name, named(name)});
    before.rules.push_back(rule("r" + std::to_string(i), Action::allow, {name}, {"s" + std::to_string(i % 200), "s0"}));
  }
  Policy after = before;
  for (Rule& one : after.rules) one.to.pop_back();
  const std::clock_t begin = std::clock();
  EXPECT_EQ(difference(before, after, subjects, {}, now).size(), 2U * 995U);
  EXPECT_LT(std::clock() - begin, 15 * CLOCKS_PER_SEC);  // of a build without optimisation
}

}  // namespace
}  // namespace sallyport::policy::difference_test
