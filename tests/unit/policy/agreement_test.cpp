// Three evaluations of the same random policies: an oracle of a few lines, the rule by rule decision, and the tables of
// the dataplane.
#include <gtest/gtest.h>

#include "policy/decide.hpp"
#include "policy/match.hpp"
#include "tests/unit/policy/emulated_dataplane.hpp"
#include "tests/unit/policy/oracle.hpp"
#include "tests/unit/policy/random_policy.hpp"

namespace sallyport::policy::agreement_test {
namespace {

std::string name_of(const Rule* rule) {
  return rule == nullptr ? "" : rule->name;
}

// Until when the steps must be exact: the fourth instant at which anything may change for the source.
TimePoint exact_until(const Policy& policy, const Facts& facts, TimePoint now) {
  for (unsigned step = 0; step < abi::max_access_steps; ++step) {
    std::optional<TimePoint> next;
    for (const Rule& rule : policy.rules) {
      const auto change = from_matches(rule, facts) ? next_change(rule, facts, now) : std::nullopt;
      if (change && (!next || *change < *next)) next = change;
    }
    if (!next) return TimePoint::max();
    now = *next;
  }
  return now;
}

// Whether a device that had not stopped telling of itself would have been allowed.
bool is_lost_with_posture(const Policy& policy, const Endpoints& endpoints, Flow flow, TimePoint at) {
  const bool allowed = oracle(policy, endpoints, flow, at).allowed;
  flow.source.posture_until.reset();
  return !allowed && oracle(policy, endpoints, flow, at).allowed;
}

struct Source {
  Facts facts;
  SourceAccess access;
  TimePoint exact_until;
};

Source random_source(RandomWorld& world, Compiler& compiler, const EmulatedDataplane& dataplane) {
  Source source;
  if (world.chance(3)) {
    const IpAddress host = world.host();
    source.facts.net = IpPrefix::host(host);
    source.access = dataplane.entry_of(host).access;
  } else {
    source.facts = world.peer();
    source.access = compiler.access(source.facts, RandomWorld::now).value();
  }
  source.exact_until = exact_until(compiler.policy(), source.facts, RandomWorld::now);
  return source;
}

TEST(Agreement, OfOracleDecisionAndCompiledTablesOverRandomPolicies) {
  unsigned allowed = 0;
  unsigned audited = 0;
  unsigned drained = 0;
  unsigned stepped = 0;
  unsigned lapsed = 0;
  unsigned beyond = 0;
  unsigned strict = 0;
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    RandomWorld world(seed);
    const Policy policy = world.policy();
    const Endpoints endpoints = world.endpoints();
    const Endpoints draining = world.draining();
    Compiler compiler = compiler_of(policy);
    const Numbers rules = numbered(policy.rules, abi::max_rules);
    const auto addresses = compiler.addresses(endpoints, draining, RandomWorld::now);
    ASSERT_TRUE(addresses);
    const EmulatedDataplane dataplane(compiler, *addresses);

    std::vector<Source> sources;
    for (unsigned i = 0; i < 50; ++i) sources.push_back(random_source(world, compiler, dataplane));

    for (unsigned tuple = 0; tuple < 1000; ++tuple) {
      const Source& source = sources[world.below(static_cast<unsigned>(sources.size()))];
      const Flow flow{source.facts, world.destination(), world.protocol(), world.port()};
      const TimePoint at = world.chance(3) ? RandomWorld::now : world.later();
      const std::uint32_t peer_class =
          flow.destination.peer ? compiler.destination_class(*flow.destination.peer).value() : 0;

      const Decision expected = oracle(policy, endpoints, draining, flow, at);
      const Decision decision = decide(policy, endpoints, flow, at, draining);
      const auto verdict = dataplane.decide_first(source.access, at, dataplane.entry_of(*flow.destination.address),
                                                  peer_class, flow.protocol, flow.port);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", tuple " + std::to_string(tuple));
      ASSERT_EQ(name_of(decision.rule), name_of(expected.rule));
      ASSERT_EQ(name_of(decision.audit_rule), name_of(expected.audit_rule));
      ASSERT_EQ(decision.allowed, expected.allowed);
      ASSERT_EQ(decision.draining, expected.draining);
      if (at < source.exact_until) {
        ASSERT_EQ(rules.name_of(verdict.rule), name_of(expected.rule));
        ASSERT_EQ(rules.name_of(verdict.audit_rule), name_of(expected.audit_rule));
        ASSERT_EQ(verdict.allowed, expected.allowed);
      } else {
        ++beyond;
        strict += !verdict.allowed && expected.allowed ? 1 : 0;
        ASSERT_TRUE(!verdict.allowed || expected.allowed);
      }
      lapsed += is_lost_with_posture(policy, endpoints, flow, at) ? 1 : 0;
      allowed += decision.allowed ? 1 : 0;
      drained += decision.draining ? 1 : 0;
      audited += decision.audit_rule != nullptr ? 1 : 0;
      stepped +=
          at >= RandomWorld::now && !source.access.steps.empty() && at >= source.access.steps[0].not_after ? 1 : 0;
    }
  }
  // The worlds are such that every branch is met often.
  EXPECT_GT(allowed, 10000U);
  EXPECT_GT(audited, 500U);
  EXPECT_GT(drained, 300U);
  EXPECT_GT(stepped, 10000U);
  EXPECT_GT(lapsed, 100U);
  EXPECT_GT(beyond, 1000U);
  EXPECT_GT(strict, 10U);
  EXPECT_LT(allowed, 90000U);
}

}  // namespace
}  // namespace sallyport::policy::agreement_test
