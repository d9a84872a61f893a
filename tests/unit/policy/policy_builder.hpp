// Policies as values, for tests that make many of them or look at one function alone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "policy/compile.hpp"
#include "policy/model.hpp"

namespace sallyport::policy {

inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
inline constexpr std::uint8_t sctp = 132;

inline IpPrefix prefix(std::string_view text) {
  return IpPrefix::parse(text).value();
}
inline IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}
inline Location line(std::uint32_t number) {
  return {std::make_shared<const std::string>("policy.toml"), number, 1};
}

// Of valid text alone.
inline Selector selector(const std::string& text) {
  const auto after = [&](std::string_view mark) { return text.substr(text.find(mark) + mark.size()); };
  const auto begins = [&](std::string_view word) { return text.starts_with(word); };
  Selector result{.text = text};
  if (begins("net:")) {
    result.kind = SelectorKind::net;
    result.net = prefix(after(":"));
  } else if (begins("user:")) {
    result.kind = SelectorKind::user;
  } else if (begins("sa:")) {
    result.kind = SelectorKind::service_account;
  } else if (begins("spiffe:")) {
    result.kind = SelectorKind::spiffe;
  } else if (begins("ike:")) {
    result.kind = SelectorKind::ike;
  } else if (begins("tag:")) {
    result.kind = SelectorKind::tag;
    result.value = after(":");
  } else if (begins("peer:")) {
    result.kind = SelectorKind::peer;
    result.value = after(":");
  } else if (begins("claim:")) {
    result.kind = SelectorKind::claim;
    result.issuer = text.substr(6, text.find('/') - 6);
    result.key = text.substr(text.find('/') + 1, text.find('=') - text.find('/') - 1);
    result.value = after("=");
  }
  return result;
}

inline std::vector<Selector> selectors(const std::vector<std::string>& texts) {
  std::vector<Selector> result;
  for (const std::string& text : texts) result.push_back(selector(text));
  return result;
}

inline Service service(const std::string& name, std::initializer_list<std::string_view> prefixes,
                       std::vector<abi::PortRange> ports) {
  Service result{.name = name, .ports = std::move(ports)};
  for (const std::string_view text : prefixes) result.prefixes.push_back(prefix(text));
  return result;
}

// `to` of {"*"} is everything.
inline Rule rule(const std::string& name, Action action, const std::vector<std::string>& from,
                 const std::vector<std::string>& to) {
  Rule result{.name = name, .action = action, .from = selectors(from)};
  result.to_any = to == std::vector<std::string>{"*"};
  if (!result.to_any) result.to = to;
  return result;
}

inline void sort_by_rank(Policy& policy) {
  const auto order = [](Action action) { return action == Action::deny ? 0 : action == Action::audit ? 1 : 2; };
  std::sort(policy.rules.begin(), policy.rules.end(), [&](const Rule& a, const Rule& b) {
    return std::make_tuple(a.priority, order(a.action), a.name) < std::make_tuple(b.priority, order(b.action), b.name);
  });
}

// Rules get the lines 10, 20, ... in their order here, then they are ranked.
inline Policy policy_of(std::vector<Service> services, std::vector<Rule> rules) {
  Policy policy{.services = std::move(services), .rules = std::move(rules)};
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    policy.rules[i].location = line(static_cast<std::uint32_t>(i + 1) * 10);
  }
  sort_by_rank(policy);
  return policy;
}

inline Facts named(const std::string& name) {
  return {.names = {name}};
}

template <typename Named>
Numbers numbered(const std::vector<Named>& all, std::uint32_t limit) {
  std::vector<std::string> names;
  for (const Named& one : all) names.push_back(one.name);
  Numbers numbers(limit);
  EXPECT_TRUE(numbers.assign(names));
  return numbers;
}

inline Compiler compiler_of(const Policy& policy, std::uint32_t max_classes = 4096) {
  return {std::make_shared<const Policy>(policy), numbered(policy.rules, abi::max_rules),
          numbered(policy.services, abi::max_services), max_classes};
}

inline TimePoint at(std::string_view text) {  // "2026-11-23T09:00:00Z"
  const auto number = [&](std::size_t offset, std::size_t length) {
    return std::stoi(std::string(text.substr(offset, length)));
  };
  return std::chrono::sys_days(std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2)) +
         std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2));
}

}  // namespace sallyport::policy
