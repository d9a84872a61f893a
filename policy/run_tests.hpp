// The [[test]]s of a policy, run at every load: a policy with a failing test never replaces one that is in force.
#pragma once

#include <string>
#include <vector>

#include "policy/model.hpp"

namespace sallyport::policy {

struct TestResult {
  const Test* test = nullptr;
  const TestTarget* target = nullptr;
  bool expected_allow = false;
  bool passed = false;
  std::string why;  // of a failure: "denied by rule 'x' (policy.toml:12)"; names the address when only a part differs
};

// One result for each target. A target is every address of the service: all of it must be allowed, or denied, so a
// prefix is tried in each part that other services cut out of it. A live service is tried as an address that only it
// and the services of everything (length 0) cover. `now` is for tests without `at`.
[[nodiscard]] std::vector<TestResult> run_tests(const Policy& policy, TimePoint now);
// As errors, at the line of the target; empty if all passed.
[[nodiscard]] std::vector<Error> failed_tests(const std::vector<TestResult>& results);

}  // namespace sallyport::policy
