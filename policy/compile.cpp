#include "policy/compile.hpp"

#include <algorithm>
#include <utility>

#include "config/base/check.hpp"
#include "policy/compile/access_plan.hpp"
#include "policy/compile/address_cover.hpp"
#include "policy/compile/destination_classes.hpp"
#include "policy/compile/source_classes.hpp"
#include "policy/selector_index.hpp"
#include "policy/verdict_row.hpp"

namespace sallyport::policy {
namespace {

template <typename Named>
std::vector<std::uint32_t> numbers_of(const std::vector<Named>& all, const Numbers& numbers) {
  std::vector<std::uint32_t> result;
  for (const Named& named : all) {
    result.push_back(numbers.of(named.name));
    SP_CHECK(result.back() != 0);
  }
  return result;
}

abi::RuleAction abi_action(Action action) {
  switch (action) {
    case Action::deny:
      return abi::RuleAction::deny;
    case Action::allow:
      return abi::RuleAction::allow;
    case Action::audit:
      return abi::RuleAction::audit;
  }
  return abi::RuleAction::deny;
}

abi::RuleLog abi_log(Log log) {
  switch (log) {
    case Log::none:
      return abi::RuleLog::none;
    case Log::denied:
      return abi::RuleLog::denied;
    case Log::all:
      return abi::RuleLog::all;
  }
  return abi::RuleLog::all;
}

}  // namespace

struct Compiler::State {
  State(std::shared_ptr<const Policy> policy_in, const Numbers& rules, const Numbers& services,
        std::uint32_t max_classes)
      : policy(std::move(policy_in)),
        rule_numbers(numbers_of(policy->rules, rules)),
        service_numbers(numbers_of(policy->services, services)),
        targets(*policy),
        planner(*policy, targets),
        source_classes(*policy, rule_numbers, service_numbers, max_classes),
        destination_classes(*policy, targets, service_numbers, max_classes) {
    for (std::uint32_t rule = 0; rule < policy->rules.size(); ++rule) {
      for (const Selector& selector : policy->rules[rule].from) sources.add(selector, rule);
    }
  }

  tl::expected<SourceAccess, std::string> access(std::span<const std::uint32_t> rules, const Facts& facts,
                                                 TimePoint now);
  // The entry of an address that these items of its cover stand for, but for its access.
  tl::expected<AddressEntry, std::string> destination(const std::vector<std::uint32_t>& items);

  std::shared_ptr<const Policy> policy;
  std::vector<std::uint32_t> rule_numbers;     // of each rule
  std::vector<std::uint32_t> service_numbers;  // of each service
  RuleTargets targets;
  SelectorIndex sources;  // of rules
  AccessPlanner planner;
  SourceClasses source_classes;
  DestinationClasses destination_classes;
};

tl::expected<SourceAccess, std::string> Compiler::State::access(std::span<const std::uint32_t> rules,
                                                                const Facts& facts, TimePoint now) {
  const AccessPlan plan = planner.plan(rules, facts, now);
  SourceAccess result;
  const auto first = source_classes.intern(*plan.now);
  if (!first) return tl::make_unexpected(first.error());
  result.source_class = *first;
  for (const AccessPlan::Step& step : plan.steps) {
    const auto next = source_classes.intern(*step.row);
    if (!next) return tl::make_unexpected(next.error());
    result.steps.push_back({step.begin, *next});
  }
  return result;
}

tl::expected<AddressEntry, std::string> Compiler::State::destination(const std::vector<std::uint32_t>& items) {
  const CoveringServices services = covering_services(*policy, items);
  const auto all = destination_classes.intern(services.all);
  if (!all) return tl::make_unexpected(all.error());
  AddressEntry entry{.destination_class = *all};
  if (services.open.size() == services.all.size()) return entry;
  entry.draining = services.open.empty();
  if (entry.draining) return entry;
  const auto open = destination_classes.intern(services.open);
  if (!open) return tl::make_unexpected(open.error());
  entry.opening_class = *open;
  return entry;
}

Compiler::Compiler(std::shared_ptr<const Policy> policy, const Numbers& rules, const Numbers& services,
                   std::uint32_t max_classes)
    : state_(std::make_unique<State>(std::move(policy), rules, services, max_classes)) {}
Compiler::~Compiler() = default;
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler& Compiler::operator=(Compiler&&) noexcept = default;

const Policy& Compiler::policy() const {
  return *state_->policy;
}

std::vector<abi::SetRule> Compiler::rules() const {
  std::vector<abi::SetRule> result;
  for (std::size_t i = 0; i < state_->policy->rules.size(); ++i) {
    const Rule& rule = state_->policy->rules[i];
    result.push_back({.number = state_->rule_numbers[i],
                      .rank = static_cast<std::uint32_t>(i) + 1,
                      .action = abi_action(rule.action),
                      .log = abi_log(rule.log),
                      .reject = static_cast<std::uint8_t>(rule.reject ? 1 : 0),
                      .rate_bits_per_s = rule.rate_bits_per_s});
  }
  return result;
}

std::vector<abi::SetService> Compiler::services() const {
  std::vector<abi::SetService> result;
  for (std::size_t i = 0; i < state_->policy->services.size(); ++i) {
    const Service& service = state_->policy->services[i];
    SP_CHECK(service.ports.size() <= abi::max_service_ports);
    abi::SetService command{.number = state_->service_numbers[i],
                            .port_count = static_cast<std::uint32_t>(service.ports.size())};
    std::copy(service.ports.begin(), service.ports.end(), command.ports.begin());
    result.push_back(command);
  }
  return result;
}

tl::expected<SourceAccess, std::string> Compiler::access(const Facts& facts, TimePoint now) {
  return state_->access(state_->sources.matching(facts), facts, now);
}

tl::expected<std::uint32_t, std::string> Compiler::destination_class(const Facts& peer) {
  return state_->destination_classes.of_peer(peer);
}

tl::expected<std::map<IpPrefix, AddressEntry>, std::string> Compiler::addresses(const Endpoints& endpoints,
                                                                                const Endpoints& draining,
                                                                                TimePoint now) {
  const PrefixCover cover = address_cover(*state_->policy, endpoints, draining);
  if (cover.prefixes().size() > abi::max_policy_addresses)
    return tl::make_unexpected("services, their endpoints and net: selectors name more than " +
                               std::to_string(abi::max_policy_addresses) + " prefixes");
  std::map<std::vector<std::uint32_t>, SourceAccess> access_of_rules;
  std::vector<AddressEntry> entry_of_set;  // without the access
  for (const auto& items : cover.sets()) {
    const auto entry = state_->destination(items);
    if (!entry) return tl::make_unexpected(entry.error());
    entry_of_set.push_back(*entry);
  }
  std::map<IpPrefix, AddressEntry> result;
  for (const CoveredPrefix& covered : cover.prefixes()) {
    const Facts facts{.net = covered.prefix};
    auto rules = state_->sources.matching(facts);
    auto known = access_of_rules.find(rules);
    if (known == access_of_rules.end()) {
      const auto access = state_->access(rules, facts, now);
      if (!access) return tl::make_unexpected(access.error());
      known = access_of_rules.emplace(std::move(rules), *access).first;
    }
    AddressEntry& entry = result[covered.prefix] = entry_of_set[covered.set];
    entry.access = known->second;
  }
  return result;
}

const std::map<std::uint32_t, std::vector<abi::RowEntry>>& Compiler::source_classes() const {
  return state_->source_classes.all();
}

const std::map<std::uint32_t, std::vector<std::uint32_t>>& Compiler::destination_classes() const {
  return state_->destination_classes.all();
}

void Compiler::keep_only(const std::vector<std::uint32_t>& source_classes,
                         const std::vector<std::uint32_t>& destination_classes) {
  state_->source_classes.keep_only(source_classes);
  state_->destination_classes.keep_only(destination_classes);
  state_->planner.forget_rows();
}

}  // namespace sallyport::policy
