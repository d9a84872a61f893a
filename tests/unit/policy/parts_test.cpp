// What tests and differences say of whole services, held against single decisions.
#include <gtest/gtest.h>

#include "policy/difference.hpp"
#include "policy/match.hpp"
#include "policy/ports.hpp"
#include "policy/prefix_cover.hpp"
#include "policy/run_tests.hpp"
#include "tests/unit/policy/random_policy.hpp"

namespace sallyport::policy::parts_test {
namespace {

std::string own_addresses(std::initializer_list<std::string_view> prefixes) {
  PrefixCover cover;
  for (const std::string_view text : prefixes) cover.add(prefix(text));
  cover.build();
  std::string text;
  for (const CoveredPrefix& covered : cover.prefixes()) {
    text += covered.prefix.to_string() + ' ' + (covered.own_address ? covered.own_address->to_string() : "-") + '\n';
  }
  return text;
}

TEST(PrefixCover, FindsAnAddressThatNoLongerPrefixTakes) {
  EXPECT_EQ(own_addresses({"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/16", "10.130.0.0/16"}),
            "10.0.0.0/8 10.129.0.0\n10.0.0.0/9 10.0.0.0\n10.128.0.0/16 10.128.0.0\n10.130.0.0/16 10.130.0.0\n");
  EXPECT_EQ(own_addresses({"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "8000::/1"}),
            "0.0.0.0/0 -\n0.0.0.0/1 0.0.0.0\n128.0.0.0/1 128.0.0.0\n::/0 ::\n8000::/1 8000::\n");
  EXPECT_EQ(own_addresses({"255.255.255.254/31", "255.255.255.254/32", "255.255.255.255/32"}),
            "255.255.255.254/31 -\n255.255.255.254/32 255.255.255.254\n255.255.255.255/32 255.255.255.255\n");
}

// Every host of the world that the service has in this policy.
std::vector<IpAddress> hosts_of(const Policy& policy, const Endpoints& endpoints, const std::string& service) {
  std::vector<IpAddress> hosts;
  for (const std::string& text : RandomWorld::hosts) {
    for (const Service* of : services_of(policy, endpoints, {.address = address(text)})) {
      if (of->name == service) hosts.push_back(address(text));
    }
  }
  return hosts;
}

bool is_allowed(const Policy& policy, const Endpoints& endpoints, const Facts& facts, const IpAddress& to,
                const abi::PortRange& port) {
  const Flow flow{facts, {.address = to}, static_cast<std::uint8_t>(port.protocol), port.first};
  return decide(policy, endpoints, flow, RandomWorld::now).allowed;
}

TEST(RunTests, AgreeWithTheDecisionAtEachAddress) {
  unsigned failed = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    RandomWorld world(seed);
    Policy policy = world.policy();
    for (unsigned i = 0; i < 20; ++i) {
      const std::string service = "s" + std::to_string(world.below(6));
      const std::uint16_t port = world.port();
      policy.tests.push_back({.facts = world.peer(), .allow = {{.service = service, .port = {tcp, port, port}}}});
      policy.tests.back().deny = policy.tests.back().allow;
    }
    for (const TestResult& result : run_tests(policy, RandomWorld::now)) {
      Facts facts = result.test->facts;
      facts.authenticated_at = RandomWorld::now;
      for (const IpAddress& host : hosts_of(policy, {}, result.target->service)) {
        const bool as_expected = is_allowed(policy, {}, facts, host, result.target->port) == result.expected_allow;
        ASSERT_TRUE(as_expected || !result.passed) << "seed " << seed << ": " << host.to_string();
      }
      failed += result.passed ? 0 : 1;
      const auto at = result.why.rfind(" at ");
      const auto host = IpAddress::parse(at == std::string::npos ? "" : result.why.substr(at + 4));
      if (!host) continue;
      ASSERT_NE(is_allowed(policy, {}, facts, *host, result.target->port), result.expected_allow);
    }
  }
  EXPECT_GT(failed, 1000U);
}

abi::PortRange ports_of(const std::string& target) {
  const std::string text = target.substr(target.find(':') + 1);
  const auto all = abi::PortRange{abi::any_protocol, 0, 65535};
  if (target == "*" || text == "*") return all;
  if (text.starts_with("tcp/0")) {  // which no policy can say, but which "*" includes
    const auto dash = text.find('-');
    return {tcp, 0, static_cast<std::uint16_t>(dash == std::string::npos ? 0 : std::stoi(text.substr(dash + 1)))};
  }
  return parse_ports(text).value_or(all);
}

std::vector<std::string> texts_of(const std::vector<AccessChange>& lines) {
  std::vector<std::string> texts;
  for (const AccessChange& line : lines) {
    texts.push_back(line.subject + ' ' + line.target + ": " + line.before + " -> " + line.after);
  }
  return texts;
}

TEST(PolicyDifference, AgreesWithTheDecisionsOfBothVersions) {
  unsigned lines_seen = 0;
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    RandomWorld world(seed);
    const Policy before = world.policy();
    const Policy after = world.policy();
    const Endpoints endpoints = world.endpoints();
    const std::vector<Subject> subjects{{"one", world.peer()}};
    const auto lines = difference(before, after, subjects, endpoints, RandomWorld::now);
    lines_seen += static_cast<unsigned>(lines.size());
    for (unsigned i = 0; i < 6; ++i) {
      const std::string name = "s" + std::to_string(i);
      std::vector<IpAddress> hosts = hosts_of(before, endpoints, name);
      for (const IpAddress& host : hosts_of(after, endpoints, name)) hosts.push_back(host);
      for (const IpAddress& host : hosts) {
        for (std::uint16_t port = 78; port < 88; ++port) {
          const bool is_port =
              port_matches(*before.find_service(name), tcp, port) || port_matches(*after.find_service(name), tcp, port);
          const bool was = is_allowed(before, endpoints, subjects[0].facts, host, {tcp, port, port});
          const bool will = is_allowed(after, endpoints, subjects[0].facts, host, {tcp, port, port});
          if (!is_port || was == will) continue;
          const auto kind = will ? ChangeKind::gains : ChangeKind::loses;
          ASSERT_TRUE(std::any_of(lines.begin(), lines.end(),
                                  [&](const AccessChange& line) {
                                    return line.subject == "one" && line.kind == kind &&
                                           line.target.starts_with(name + ':') &&
                                           port_matches({.ports = {ports_of(line.target)}}, tcp, port);
                                  }))
              << "seed " << seed << ": " << name << " tcp/" << port << " at " << host.to_string()
              << testing::PrintToString(texts_of(lines));
        }
      }
    }
    for (const AccessChange& line : lines) {
      const auto at = line.before.rfind(" at ");
      const auto host = IpAddress::parse(at == std::string::npos ? "" : line.before.substr(at + 4));
      const abi::PortRange ports = ports_of(line.target);
      if (!host || line.subject != "one" || ports.protocol == abi::any_protocol) continue;
      for (const std::uint16_t port : {ports.first, ports.last}) {
        const abi::PortRange one{ports.protocol, port, port};
        ASSERT_EQ(is_allowed(before, endpoints, subjects[0].facts, *host, one), line.kind != ChangeKind::gains);
        ASSERT_EQ(is_allowed(after, endpoints, subjects[0].facts, *host, one), line.kind != ChangeKind::loses);
      }
    }
  }
  EXPECT_GT(lines_seen, 500U);
}

}  // namespace
}  // namespace sallyport::policy::parts_test
