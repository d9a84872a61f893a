// Small worlds in which much collides: few names, addresses and ports, many rules about them.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "policy/decide.hpp"
#include "tests/unit/policy/policy_builder.hpp"

namespace sallyport::policy {

class RandomWorld {
 public:
  explicit RandomWorld(std::uint32_t seed) : random_(seed) {}

  static inline const TimePoint now = at("2026-11-23T09:00:00Z");
  // Nothing ends at `now` itself: it would hold for who decides at that instant, and be over for the gateway that is
  // asked a moment later.
  static constexpr std::chrono::seconds aside{30};
  static inline const std::vector<std::string> hosts{"10.1.1.1", "10.1.1.2", "10.1.2.1",     "10.2.0.1",
                                                     "10.3.0.1", "9.9.9.9",  "2001:db8:1::", "2001:db8:2::1"};

  Policy policy() {
    Policy policy;
    policy.postures.push_back({.name = "managed",
                               .conditions = {{"encrypted == true", "encrypted", Comparison::equal, true},
                                              {"age <= 30", "age", Comparison::less_equal, std::int64_t{30}}}});
    for (unsigned i = 0; i < 6; ++i) policy.services.push_back(random_service("s" + std::to_string(i)));
    const unsigned rules = 4 + below(16);
    for (unsigned i = 0; i < rules; ++i) policy.rules.push_back(random_rule("r" + std::to_string(i)));
    sort_by_rank(policy);
    return policy;
  }

  Endpoints endpoints() {
    Endpoints result;
    for (unsigned i = 0; i < 6; ++i) {
      if (chance(2)) result["s" + std::to_string(i)] = {IpPrefix::host(host()), pick(prefixes_)};
    }
    return result;
  }

  // Some of which may be ready as well, for the same service or another one.
  Endpoints draining() {
    Endpoints result;
    for (unsigned i = 0; i < 6; ++i) {
      if (chance(2)) result["s" + std::to_string(i)] = {IpPrefix::host(host()), IpPrefix::host(host())};
      if (chance(6)) result["s" + std::to_string(i)].push_back(pick(prefixes_));
    }
    return result;
  }

  Facts peer() {
    Facts facts;
    if (chance(3)) facts.peer = pick(peers_);
    for (unsigned i = 1 + below(3); i > 0; --i) facts.names.push_back(pick(names_));
    for (unsigned i = below(3); i > 0; --i) facts.tags.push_back(pick(tags_));
    if (chance(2)) facts.claims.push_back({"corp", "groups", {pick(tags_), pick(tags_)}});
    if (!chance(3)) facts.posture["encrypted"] = !chance(4);
    if (!chance(3)) facts.posture["age"] = std::int64_t{20} + below(14);
    if (chance(2)) facts.posture_until = now + std::chrono::minutes(below(600)) - std::chrono::minutes(60) + aside;
    if (chance(2)) facts.authenticated_at = now - std::chrono::minutes(below(300)) + aside;
    if (chance(2)) facts.not_after = now + std::chrono::minutes(below(600)) - std::chrono::minutes(60) + aside;
    return facts;
  }

  IpAddress host() { return address(pick(hosts)); }

  Destination destination() {
    Destination result{.address = host()};
    if (chance(2)) result.peer = peer();
    return result;
  }

  std::uint8_t protocol() { return pick(std::vector<std::uint8_t>{tcp, udp, sctp, icmp}); }
  std::uint16_t port() { return static_cast<std::uint16_t>(79 + below(5)); }
  TimePoint later() { return now + std::chrono::minutes(below(chance(2) ? 600 : 10000)) + aside; }
  bool chance(unsigned of) { return below(of) == 0; }
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

 private:
  template <typename Value>
  const Value& pick(const std::vector<Value>& values) {
    return values[below(static_cast<unsigned>(values.size()))];
  }

  Service random_service(const std::string& name) {
    Service result{.name = name};
    for (unsigned i = 1 + below(3); i > 0; --i) result.prefixes.push_back(pick(prefixes_));
    if (chance(3)) result.endpoints = "cluster/" + name;
    if (chance(2)) result.identities = {selector(pick(always_)), selector(pick(sometimes_))};
    for (unsigned i = 1 + below(2); i > 0; --i) result.ports.push_back(port_range());
    return result;
  }

  abi::PortRange port_range() {
    if (chance(4)) return {chance(2) ? std::uint16_t{icmp} : abi::any_protocol, 0, 0xffff};
    const auto first = port();
    return {chance(2) ? std::uint16_t{tcp} : std::uint16_t{udp}, first, static_cast<std::uint16_t>(first + below(3))};
  }

  Rule random_rule(const std::string& name) {
    Rule result{.name = name, .action = chance(5) ? Action::deny : chance(5) ? Action::audit : Action::allow};
    const bool allows = result.action == Action::allow;
    for (unsigned i = 1 + below(3); i > 0; --i) {
      result.from.push_back(selector(pick(allows && chance(2) ? sometimes_ : always_)));
    }
    result.to_any = chance(6);
    for (unsigned i = 1 + below(3); i > 0 && !result.to_any; --i) result.to.push_back("s" + std::to_string(below(6)));
    result.priority = 500 + 100 * below(2);
    if (chance(3)) result.expires = now + std::chrono::minutes(below(600)) - std::chrono::minutes(100);
    if (chance(4)) result.hours.push_back(pick(hours_));
    if (chance(8)) result.hours.push_back(pick(hours_));
    if (allows && chance(4)) result.posture = {"managed"};
    if (allows && chance(4)) result.auth_age = std::chrono::minutes(below(400));
    return result;
  }

  static Hours span(int begin_hour, int end_hour, std::array<bool, 7> days) {
    return {.text = std::to_string(begin_hour) + '-' + std::to_string(end_hour) + (days[2] ? "" : " Mon"),
            .days = days,
            .begin = std::chrono::hours(begin_hour),
            .end = std::chrono::hours(end_hour),
            .zone = "UTC"};
  }

  std::mt19937 random_;
  std::vector<std::string> names_{"user:corp/ann",
                                  "user:corp/bob",
                                  "sa:k/shop/web",
                                  "ike:fqdn=b.example.com",
                                  "spiffe://a.example.org/sa/x",
                                  "spiffe://b.example.org/sa/yx"};
  std::vector<std::string> tags_{"red", "green", "blue"};
  std::vector<std::string> peers_{"p1", "p2"};
  std::vector<std::string> always_{"*",
                                   "net:10.0.0.0/8",
                                   "net:10.1.0.0/16",
                                   "net:2001:db8::/32",
                                   "user:corp/ann",
                                   "user:corp/bob",
                                   "sa:k/shop/web",
                                   "ike:fqdn=b.example.com",
                                   "spiffe://*.example.org/sa/x",
                                   "spiffe://*.example.org/sa/*x",
                                   "spiffe://a.example.org/sa/x",
                                   "spiffe://*",
                                   "tag:red",
                                   "tag:green",
                                   "peer:p1"};
  std::vector<std::string> sometimes_{"claim:corp/groups=red", "claim:corp/groups=blue", "claim:other/groups=red"};
  std::vector<IpPrefix> prefixes_{prefix("0.0.0.0/0"),   prefix("10.0.0.0/8"),    prefix("10.1.0.0/16"),
                                  prefix("10.1.1.0/24"), prefix("10.1.1.1/32"),   prefix("10.2.0.0/16"),
                                  prefix("::/0"),        prefix("2001:db8::/32"), prefix("2001:db8:1::/48")};
  std::vector<Hours> hours_{span(8, 12, {true, true, true, true, true, false, false}),
                            span(10, 11, {true, false, false, false, false, false, false}),
                            span(22, 6, {true, true, true, true, true, true, true})};
};

}  // namespace sallyport::policy
