// [service], and ports as text.
#include "policy/ports.hpp"
#include "policy/unknown_clusters.hpp"
#include "policy/unsupplied.hpp"
#include "policy_text.hpp"

namespace sallyport::policy::services_test {
namespace {

std::string text_of(const std::vector<abi::PortRange>& ports) {
  std::string text;
  for (const abi::PortRange& range : ports) text += (text.empty() ? "" : " ") + to_string(range);
  return text;
}

std::string merged_text(std::initializer_list<std::string_view> texts) {
  std::vector<abi::PortRange> ports;
  for (const auto text : texts) ports.push_back(*parse_ports(text));
  return text_of(merged(ports));
}

TEST(Ports, EveryForm) {
  const auto is = [](std::string_view text, std::uint16_t protocol, std::uint16_t first, std::uint16_t last) {
    const auto ports = parse_ports(text);
    return ports && ports->protocol == protocol && ports->first == first && ports->last == last;
  };
  EXPECT_TRUE(is("tcp/8080", 6, 8080, 8080));
  EXPECT_TRUE(is("tcp/8000-8100", 6, 8000, 8100));
  EXPECT_TRUE(is("tcp", 6, 1, 65535));
  EXPECT_TRUE(is("udp/53", 17, 53, 53));
  EXPECT_TRUE(is("udp", 17, 1, 65535));
  EXPECT_TRUE(is("sctp/1-2", 132, 1, 2));
  EXPECT_TRUE(is("icmp", 1, 0, 65535));
  EXPECT_TRUE(is("icmp6", 58, 0, 65535));
  EXPECT_TRUE(is("proto/0", 0, 0, 65535));
  EXPECT_TRUE(is("proto/255", 255, 0, 65535));
  EXPECT_TRUE(is("proto/6", 6, 1, 65535));
  EXPECT_TRUE(is("*", abi::any_protocol, 0, 65535));
}

TEST(Ports, WhatIsNoPort) {
  for (const auto text : {"", "8080", "tcp/", "tcp/0", "tcp/65536", "tcp/80-79", "tcp/0-80", "tcp/80-", "tcp/-80",
                          "tcp/ 80", "tcp/80,81", "icmp/8", "proto", "proto/256", "proto/-1", "TCP/80", "any", "**"}) {
    EXPECT_EQ(message_of(parse_ports(text)),
              "expected ports such as \"tcp/8080\", \"udp/8000-8100\" (1 to 65535), \"sctp\", \"icmp\", \"icmp6\", "
              "\"proto/47\" or \"*\", got the string \"" +
                  std::string(text) + '"');
  }
}

TEST(Ports, OneIsNoRange) {
  EXPECT_TRUE(parse_port("tcp/80"));
  EXPECT_TRUE(parse_port("icmp"));
  EXPECT_TRUE(parse_port("proto/47"));
  for (const auto text : {"tcp", "tcp/80-81", "*", "proto/6", "x"}) EXPECT_FALSE(parse_port(text)) << text;
}

TEST(Ports, OverlapsAndNeighboursAreMerged) {
  EXPECT_EQ(merged_text({"tcp/82", "tcp/80", "udp/80", "tcp/81"}), "tcp/80-82 udp/80");
  EXPECT_EQ(merged_text({"tcp/80-90", "tcp/85", "tcp/92"}), "tcp/80-90 tcp/92");
  EXPECT_EQ(merged_text({"tcp/1-65534", "tcp/65535"}), "tcp");
  EXPECT_EQ(merged_text({"tcp", "tcp/65535", "proto/6"}), "tcp");
  EXPECT_EQ(merged_text({"icmp", "proto/1", "proto/47"}), "icmp proto/47");
  EXPECT_EQ(merged_text({"tcp/80", "*", "icmp"}), "*");
}

TEST(Service, ReadsEveryKey) {
  const Policy policy = valid(R"([group]
admins = ["user:corp/ann", "tag:admin"]
[service]
backend = { prefixes = ["10.20.0.0/24", "2001:db8::/64", "10.20.0.0/24"], ports = ["tcp/8080"] }
laptops = { identities = ["group:admins", "peer:bob"], ports = ["tcp/22"] }
live = { endpoints = "prod-eu/shop/backend", ports = ["tcp/80"] }
[service.named]
endpoints = "backend-2"
prefixes = ["10.0.0.0/8"]
ports = ["*"]
)");
  ASSERT_EQ(policy.services.size(), 4U);
  const Service& backend = *policy.find_service("backend");
  EXPECT_EQ(backend.prefixes, (std::vector{*IpPrefix::parse("10.20.0.0/24"), *IpPrefix::parse("2001:db8::/64")}));
  EXPECT_EQ(text_of(backend.ports), "tcp/8080");
  EXPECT_EQ(backend.location.to_string(), "policy.toml:5:1");
  const Service& laptops = *policy.find_service("laptops");
  ASSERT_EQ(laptops.identities.size(), 3U);
  EXPECT_EQ(laptops.identities[1].text, "tag:admin");
  EXPECT_EQ(policy.find_service("live")->endpoints, "prod-eu/shop/backend");
  EXPECT_EQ(policy.find_service("named")->endpoints, "backend-2");
  EXPECT_EQ(policy.find_service("named")->location.to_string(), "policy.toml:8:10");
}

TEST(Service, IsSomewhereAndHasPorts) {
  expect_errors(
      "[service]\na = { ports = [\"tcp/80\"] }\nb = { prefixes = [\"10.0.0.0/8\"] }\nc = { prefixes = [], ports = [] "
      "}\n",
      {"3:5: service a: expected prefixes, identities or endpoints, got none of them",
       "4:5: missing key 'ports' in [service.NAME]: expected list of ports",
       "5:18: prefixes: expected 1 to 4096 elements, got 0", "5:30: ports: expected 1 to 1024 elements, got 0"});
}

TEST(Service, ValuesAreChecked) {
  expect_errors(
      R"([service]
a = { prefixes = ["10.0.0.1/8", "ten"], ports = ["tcp/0", 80] }
b = { endpoints = "prod/backend", identities = ["net:10.0.0.0/8", "*"], ports = ["tcp/80"] }
c = { prefixs = ["10.0.0.0/8"], ports = ["tcp/80"] }
)",
      {"3:19: prefixes: expected a prefix without host bits, got 10.0.0.1/8; did you mean 10.0.0.0/8 or 10.0.0.1/32?",
       "3:33: prefixes: expected a prefix such as \"10.20.0.0/16\" or \"2001:db8::/48\", got the string \"ten\"",
       "3:50: ports: expected ports such as \"tcp/8080\", \"udp/8000-8100\" (1 to 65535), \"sctp\", \"icmp\", "
       "\"icmp6\", \"proto/47\" or \"*\", got the string \"tcp/0\"",
       "3:59: ports: expected ports such as \"tcp/8080\", got the integer 80",
       "4:19: endpoints: expected CLUSTER/NAMESPACE/SERVICE, or a name, got the string \"prod/backend\"",
       "4:49: identities: expected a peer's identity, got \"net:10.0.0.0/8\"; addresses belong to `prefixes`",
       "4:67: identities: \"*\" can stand only in `from` of a rule",
       "5:5: service c: expected prefixes, identities or endpoints, got none of them",
       "5:7: unknown key 'prefixs'; did you mean 'prefixes'?"});
}

TEST(Service, IdentitiesOfGroupsArePeersToo) {
  expect_errors(
      "[group]\nsite = [\"net:10.0.0.0/8\"]\n[service]\na = { identities = [\"group:site\", \"group:siet\"], ports = "
      "[\"tcp/80\"] }\n",
      {"5:21: identities: expected peers' identities, but group:site has \"net:10.0.0.0/8\" (policy.toml:3:9); "
       "addresses belong to `prefixes`",
       "5:35: identities: there is no group 'siet'; did you mean 'site'?"});
}

TEST(Service, PortsAreCountedAfterTheyAreMerged) {
  const auto with_ports = [](int step) {
    std::string ports;
    for (int i = 0; i < 33; ++i) ports += "\"tcp/" + std::to_string(1000 + i * step) + "\", ";
    return bundle_of("[service]\na = { prefixes = [\"10.0.0.0/8\"], ports = [" + ports + "] }\n");
  };
  EXPECT_TRUE(errors_of(with_ports(1)).empty());
  EXPECT_EQ(
      errors_of(with_ports(2)),
      std::vector<std::string>{"policy.toml:3:42: ports: expected at most 32 ports and ranges after adjacent ones "
                               "are merged, got 33"});
}

TEST(Service, OfAClusterThatTheGatewayDoesNotHaveIsWarnedOf) {
  const Policy policy = valid(R"([service]
known = { endpoints = "prod-eu/shop/web", ports = ["tcp/80"] }
unknown = { endpoints = "prod-us/shop/web", ports = ["tcp/80"] }
by-api = { endpoints = "prod-us", ports = ["tcp/80"] }
fixed = { prefixes = ["10.0.0.0/24"], ports = ["tcp/80"] }
)");
  std::vector<config::Cluster> clusters(1);
  clusters[0].name = "prod-eu";
  EXPECT_EQ(unknown_clusters(policy, clusters),
            std::vector<std::string>{"policy.toml:4:1: service 'unknown' follows prod-us/shop/web, but the gateway has "
                                     "no [cluster.prod-us]; did you mean 'prod-eu'?"});
  EXPECT_EQ(unknown_clusters(policy, {}).size(), 2U);
}

TEST(Rule, ThatAsksForWhatOnlyEnrolmentSuppliesIsWarnedOfWithoutIt) {
  const Policy policy = valid(R"([posture]
managed = ["disk_encrypted == true"]
[service]
web = { prefixes = ["10.0.0.0/24"], ports = ["tcp/80"] }
live = { endpoints = "prod-us/shop/web", ports = ["tcp/80"] }
[[rule]]
name = "devices"
action = "allow"
from = ["*"]
to = ["web"]
when = { posture = ["managed"] }
[[rule]]
name = "fresh"
action = "allow"
from = ["tag:a"]
to = ["web", "live"]
when = { auth_age = "1h" }
[[rule]]
name = "plain"
action = "allow"
from = ["tag:b"]
to = ["web"]
)");
  config::Config gateway;
  EXPECT_EQ(
      unsupplied(policy, gateway),
      (std::vector<std::string>{"policy.toml:6:1: service 'live' follows prod-us/shop/web, but the gateway has no "
                                "[cluster.prod-us]",
                                "policy.toml:7:1: rule 'devices' can never match: posture: a peer has one by "
                                "enrolment alone, and the gateway has no [enrolment]",
                                "policy.toml:13:1: rule 'fresh' can never match: auth_age: a peer is "
                                "authenticated by enrolment alone, and the gateway has no [enrolment]"}));
  gateway.enrolment.emplace();
  EXPECT_EQ(unsupplied(policy, gateway).size(), 1U);
}

}  // namespace
}  // namespace sallyport::policy::services_test
