#include "policy/run_tests.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "policy/describe.hpp"
#include "policy/destination_parts.hpp"
#include "policy/indexed_policy.hpp"
#include "policy/match.hpp"

namespace sallyport::policy {
namespace {

std::vector<const Service*> pointers_to(const std::vector<Service>& services) {
  std::vector<const Service*> result;
  for (const Service& service : services) result.push_back(&service);
  return result;
}

class TestRunner {
 public:
  TestRunner(const Policy& policy, TimePoint now)
      : policy_(policy), now_(now), rules_(policy), parts_(pointers_to(policy.services), no_endpoints_) {
    for (std::uint32_t i = 0; i < policy.services.size(); ++i) services_.emplace(policy.services[i].name, i);
  }

  void run(const Test& test, std::vector<TestResult>& results) {
    Source source{.facts = test.facts, .at = test.at.value_or(now_)};
    source.facts.authenticated_at = source.at - test.auth_age;
    source.row = rules_.row(rules_.rules_in_force(source.facts, source.at));
    for (const TestTarget& target : test.allow) results.push_back(try_target(test, target, true, source));
    for (const TestTarget& target : test.deny) results.push_back(try_target(test, target, false, source));
  }

 private:
  struct Source {
    Facts facts;
    TimePoint at;
    VerdictRow row;
  };

  TestResult try_target(const Test& test, const TestTarget& target, bool expected_allow, const Source& source) {
    TestResult result{.test = &test, .target = &target, .expected_allow = expected_allow, .passed = true};
    bool some_pass = false;
    const DestinationPart* failing = nullptr;
    Decision wrong;
    for (const DestinationPart& part : parts_of(target.service)) {
      const Decision decision = decide_part(part, target.port, source.row);
      if (decision.allowed == expected_allow) {
        some_pass = true;
      } else if (failing == nullptr) {
        failing = &part;
        wrong = decision;
      }
    }
    if (failing == nullptr) return result;
    result.passed = false;
    result.why = decision_words(wrong);
    if (some_pass) result.why += " at " + (failing->address ? failing->address->to_string() : "its live addresses");
    if (expected_allow && wrong.rule == nullptr) result.why += nearly_allowed(*failing, target.port, source);
    return result;
  }

  // The first rule that would allow it under other conditions.
  [[nodiscard]] std::string nearly_allowed(const DestinationPart& part, const abi::PortRange& port,
                                           const Source& source) const {
    Flow flow{.source = source.facts, .protocol = static_cast<std::uint8_t>(port.protocol), .port = port.first};
    for (const std::uint32_t service : part.services) {
      flow.destination.services.push_back(policy_.services[service].name);
    }
    for (const Considered& considered : explain(policy_, no_endpoints_, flow, source.at).considered) {
      if (considered.rule->action != Action::allow) continue;
      return " (" + rule_words(*considered.rule) + ": " + considered.why_not + ')';
    }
    return "";
  }

  [[nodiscard]] Decision decide_part(const DestinationPart& part, const abi::PortRange& port,
                                     const VerdictRow& row) const {
    std::vector<std::uint32_t> services;
    for (const std::uint32_t service : part.services) {
      if (port_matches(policy_.services[service], static_cast<std::uint8_t>(port.protocol), port.first)) {
        services.push_back(service);
      }
    }
    const Rule* rule = rules_.deciding_rule(row, services);
    return {.allowed = rule != nullptr && rule->action == Action::allow, .rule = rule};
  }

  const std::vector<DestinationPart>& parts_of(const std::string& name) {
    const std::uint32_t service = services_.at(name);
    const auto known = known_parts_.find(service);
    if (known != known_parts_.end()) return known->second;
    return known_parts_.emplace(service, parts_.of({&service, 1})).first->second;
  }

  const Policy& policy_;
  TimePoint now_;
  Endpoints no_endpoints_;
  IndexedPolicy rules_;
  DestinationParts parts_;
  std::unordered_map<std::string_view, std::uint32_t> services_;
  std::map<std::uint32_t, std::vector<DestinationPart>> known_parts_;
};

}  // namespace

std::vector<TestResult> run_tests(const Policy& policy, TimePoint now) {
  std::vector<TestResult> results;
  if (policy.tests.empty()) return results;
  TestRunner runner(policy, now);
  for (const Test& test : policy.tests) runner.run(test, results);
  return results;
}

std::vector<Error> failed_tests(const std::vector<TestResult>& results) {
  std::vector<Error> errors;
  for (const TestResult& result : results) {
    if (result.passed) continue;
    errors.push_back({result.target->location, "test of " + result.test->source + ": " + result.target->text +
                                                   " must be " + (result.expected_allow ? "allowed" : "denied") +
                                                   ", but it is " + result.why});
  }
  return errors;
}

}  // namespace sallyport::policy
