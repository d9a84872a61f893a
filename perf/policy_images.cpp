#include "perf/policy_images.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "config/base/check.hpp"
#include "policy/compile.hpp"
#include "policy/selector.hpp"

namespace sallyport::perf {
namespace {

std::string user(std::uint32_t number) {
  return "user:corp/u" + std::to_string(number);
}

// Services share the prefixes, rules share the services and the identities; the first identity may reach the first
// prefix.
policy::Policy make_policy(const PolicySize& size) {
  policy::Policy made;
  for (std::uint32_t i = 0; i < size.services; ++i) {
    policy::Service service;
    service.name = "service-" + std::to_string(i);
    service.ports = {{.protocol = 17, .first = 1, .last = 65535}};
    for (std::uint32_t j = i; j < size.prefixes; j += size.services)
      service.prefixes.push_back({IpAddress::v4(10, static_cast<std::uint8_t>(16 + (j >> 12)),
                                                static_cast<std::uint8_t>(j >> 4), static_cast<std::uint8_t>(j << 4)),
                                  28});
    made.services.push_back(std::move(service));
  }
  for (std::uint32_t i = 0; i < size.rules; ++i) {
    policy::Rule rule;
    rule.name = "rule-" + std::to_string(i);
    rule.action = policy::Action::allow;
    if (size.rules >= size.identities)
      rule.from.push_back(*policy::parse_selector(user(i % size.identities)));
    else
      for (std::uint32_t j = i; j < size.identities; j += size.rules)
        rule.from.push_back(*policy::parse_selector(user(j)));
    rule.to.push_back("service-" + std::to_string((i + i / size.identities * 97) % size.services));
    made.rules.push_back(std::move(rule));
  }
  return made;
}

template <typename Piece, typename Element>
void add_list(std::vector<abi::Command>& commands, std::uint32_t number, const std::vector<Element>& list,
              auto Piece::*elements) {
  std::uint32_t offset = 0;
  do {
    Piece piece{};
    piece.number = number;
    piece.total = static_cast<std::uint32_t>(list.size());
    piece.offset = offset;
    piece.count = std::min(static_cast<std::uint32_t>((piece.*elements).size()), piece.total - offset);
    std::copy_n(list.begin() + offset, piece.count, (piece.*elements).begin());
    commands.push_back(abi::make_command(0, piece));
    offset += piece.count;
  } while (offset < list.size());
}

}  // namespace

PolicyImage compile_policy(const PolicySize& size) {
  PolicyImage image;
  const auto add = [&](const auto& payload) { image.commands.push_back(abi::make_command(0, payload)); };
  add(abi::BeginPolicy{.generation = 1, .allow_all = static_cast<std::uint8_t>(size.rules == 0)});
  if (size.rules != 0) {
    auto source = std::make_shared<policy::Policy>(make_policy(size));
    const auto start = std::chrono::steady_clock::now();
    policy::Numbers rules(abi::max_rules), services(abi::max_services);
    std::vector<std::string> rule_names, service_names;
    for (const auto& rule : source->rules) rule_names.push_back(rule.name);
    for (const auto& service : source->services) service_names.push_back(service.name);
    SP_CHECK(rules.assign(rule_names) && services.assign(service_names));
    policy::Compiler compiler(std::move(source), rules, services, policy_classes_max);
    const policy::TimePoint now{};
    const auto set_rules = compiler.rules();
    const auto set_services = compiler.services();
    const auto addresses = compiler.addresses({}, {}, now);
    SP_CHECK(addresses.has_value());
    std::vector<abi::SetPeerAccess> peers;
    for (std::uint32_t i = 0; i < size.identities; ++i) {
      const policy::Facts facts{.peer = "u" + std::to_string(i), .names = {user(i)}};
      const auto access = compiler.access(facts, now);
      const auto destination = compiler.destination_class(facts);
      SP_CHECK(access.has_value() && destination.has_value());
      peers.push_back({.peer_id = first_peer_id + i,
                       .identity = first_peer_id + i,
                       .access = {.source_class = access->source_class},
                       .destination_class = *destination});
    }
    image.compile_ms = ms_since(start);
    for (const auto& rule : set_rules) add(rule);
    for (const auto& service : set_services) add(service);
    for (const auto& [number, row] : compiler.source_classes())
      add_list(image.commands, number, row, &abi::SetSourceClass::entries);
    for (const auto& [number, list] : compiler.destination_classes())
      add_list(image.commands, number, list, &abi::SetDestinationClass::services);
    for (const auto& [prefix, entry] : *addresses)
      add(abi::SetAddress{.access = {.source_class = entry.access.source_class},
                          .destination_class = entry.destination_class,
                          .prefix = prefix});
    for (const auto& peer : peers) add(peer);
  }
  add(abi::CommitPolicy{});
  return image;
}

}  // namespace sallyport::perf
