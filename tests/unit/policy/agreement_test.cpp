// Three evaluations of the same random policies: an oracle of a few lines, the rule by rule decision, and the tables of
// the dataplane.
#include <gtest/gtest.h>

#include <functional>

#include "emulated_dataplane.hpp"
#include "policy/decide.hpp"
#include "policy/match.hpp"
#include "random_policy.hpp"

namespace sallyport::policy {
namespace {

// Written from the description of the language, and slow.
bool glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty() || text.empty()) return pattern.empty() && text.empty();
  if (pattern[0] != '*') return pattern[0] == text[0] && glob(pattern.substr(1), text.substr(1));
  return text[0] != '.' && text[0] != '/' && (glob(pattern.substr(1), text.substr(1)) || glob(pattern, text.substr(1)));
}

bool oracle_selects(const Selector& s, const Facts& facts) {
  if (s.text == "*") return true;
  for (const auto& name : facts.names)
    if (s.text.starts_with("spiffe:") ? glob(s.text, name) : s.text == name) return true;
  for (const auto& tag : facts.tags)
    if (s.text == "tag:" + tag) return true;
  for (const auto& claim : facts.claims)
    for (const auto& value : claim.values)
      if (s.text == "claim:" + claim.issuer + '/' + claim.key + '=' + value) return true;
  if (s.text.starts_with("net:") && facts.net.address.is_set() && s.net.contains(facts.net)) return true;
  return !facts.peer.empty() && s.text == "peer:" + facts.peer;
}

Decision oracle(const Policy& policy, const Endpoints& endpoints, const Flow& flow, TimePoint at) {
  const auto selects = [](const std::vector<Selector>& list, const Facts& facts) {
    return std::any_of(list.begin(), list.end(), [&](const Selector& s) { return oracle_selects(s, facts); });
  };
  const auto reaches = [&](const Rule& rule) {
    for (const Service& service : policy.services) {
      if (std::count(rule.to.begin(), rule.to.end(), service.name) == 0) continue;
      std::vector<IpPrefix> prefixes = service.prefixes;
      if (service.endpoints && endpoints.contains(service.name))
        for (const auto& live : endpoints.at(service.name)) prefixes.push_back(live);
      const bool is_there =
          std::any_of(prefixes.begin(), prefixes.end(), [&](auto& p) { return p.contains(*flow.destination.address); });
      const bool is_peer = flow.destination.peer && selects(service.identities, *flow.destination.peer);
      const bool has_port = std::any_of(service.ports.begin(), service.ports.end(), [&](const abi::PortRange& range) {
        return (range.protocol == 256 || range.protocol == flow.protocol) &&
               (flow.protocol == icmp || (flow.port >= range.first && flow.port <= range.last));
      });
      if ((is_there || is_peer) && has_port) return true;
    }
    return rule.to_any;
  };
  const auto in_force = [&](const Rule& rule) {
    const Facts& facts = flow.source;
    bool inside = rule.hours.empty();
    for (const Hours& hours : rule.hours) inside = inside || hours.contains(at);
    bool healthy = rule.posture.empty();
    if (!healthy && facts.posture.contains("encrypted") && facts.posture.contains("age"))
      healthy = std::get<bool>(facts.posture.at("encrypted")) && std::get<std::int64_t>(facts.posture.at("age")) <= 30;
    const bool fresh = !rule.auth_age || (facts.authenticated_at && at - *facts.authenticated_at <= *rule.auth_age);
    const bool proven = rule.action != Action::allow || !facts.not_after || at < *facts.not_after;
    return inside && healthy && fresh && proven && (!rule.expires || at < *rule.expires);
  };
  Decision decision;
  for (auto rule = policy.rules.rbegin(); rule != policy.rules.rend(); ++rule) {  // the last word has the first rule
    if (!selects(rule->from, flow.source) || !reaches(*rule) || !in_force(*rule)) continue;
    if (rule->action == Action::audit) decision.audit_rule = &*rule;
    if (rule->action == Action::deny) decision = {false, &*rule, nullptr};
    if (rule->action == Action::allow) decision = {true, &*rule, nullptr};
  }
  if (!decision.allowed) decision.audit_rule = nullptr;
  return decision;
}

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
  unsigned stepped = 0;
  unsigned beyond = 0;
  unsigned strict = 0;
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    RandomWorld world(seed);
    const Policy policy = world.policy();
    const Endpoints endpoints = world.endpoints();
    Compiler compiler = compiler_of(policy);
    const Numbers rules = numbered(policy.rules, abi::max_rules);
    const auto addresses = compiler.addresses(endpoints, RandomWorld::now);
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

      const Decision expected = oracle(policy, endpoints, flow, at);
      const Decision decision = decide(policy, endpoints, flow, at);
      const auto verdict =
          dataplane.decide(source.access, at, dataplane.entry_of(*flow.destination.address).destination_class,
                           peer_class, flow.protocol, flow.port);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", tuple " + std::to_string(tuple));
      ASSERT_EQ(name_of(decision.rule), name_of(expected.rule));
      ASSERT_EQ(name_of(decision.audit_rule), name_of(expected.audit_rule));
      ASSERT_EQ(decision.allowed, expected.allowed);
      if (at < source.exact_until) {
        ASSERT_EQ(rules.name_of(verdict.rule), name_of(expected.rule));
        ASSERT_EQ(rules.name_of(verdict.audit_rule), name_of(expected.audit_rule));
        ASSERT_EQ(verdict.allowed, expected.allowed);
      } else {
        ++beyond;
        strict += !verdict.allowed && expected.allowed ? 1 : 0;
        ASSERT_TRUE(!verdict.allowed || expected.allowed);
      }
      allowed += decision.allowed ? 1 : 0;
      audited += decision.audit_rule != nullptr ? 1 : 0;
      stepped +=
          at >= RandomWorld::now && !source.access.steps.empty() && at >= source.access.steps[0].not_after ? 1 : 0;
    }
  }
  // The worlds are such that every branch is met often.
  EXPECT_GT(allowed, 10000U);
  EXPECT_GT(audited, 500U);
  EXPECT_GT(stepped, 10000U);
  EXPECT_GT(beyond, 1000U);
  EXPECT_GT(strict, 10U);
  EXPECT_LT(allowed, 90000U);
}

}  // namespace
}  // namespace sallyport::policy
