#include <array>
#include <ostream>

#include "policy/describe.hpp"
#include "tools/ctl/command.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/policy_files.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

// What decides about the first address of the target; a test asks about all of them.
std::string decision_text(const policy::Policy& policy, const policy::TestResult& result, policy::TimePoint now) {
  const policy::Test& test = *result.test;
  const policy::TimePoint at = test.at.value_or(now);
  policy::Flow flow{.source = test.facts, .destination = {}, .protocol = 0, .port = result.target->port.first};
  flow.source.authenticated_at = at - test.auth_age;
  flow.protocol = static_cast<std::uint8_t>(result.target->port.protocol);
  flow.destination.services = {result.target->service};
  const policy::Service* service = policy.find_service(result.target->service);
  if (service != nullptr && !service->prefixes.empty()) flow.destination.address = service->prefixes.front().address;
  return policy::decision_words(policy::decide(policy, {}, flow, at));
}

Json result_json(const policy::Policy& policy, const policy::TestResult& result, policy::TimePoint now) {
  const config::Location& location = result.target->location;
  return {{"passed", result.passed},
          {"file", location.file ? Json(*location.file) : Json()},
          {"line", location.line},
          {"source", result.test->source},
          {"target", result.target->text},
          {"expected", result.expected_allow ? "allowed" : "denied"},
          {"got", result.passed ? decision_text(policy, result, now) : result.why}};
}

void print_result(std::ostream& out, const policy::Policy& policy, const policy::TestResult& result,
                  policy::TimePoint now) {
  const std::string got = result.passed ? decision_text(policy, result, now) : result.why;
  out << (result.passed ? "ok      " : "FAILED  ") << printable(policy::file_and_line(result.target->location)) << "  "
      << printable(result.test->source) << " -> " << printable(result.target->text) << "  "
      << (result.passed           ? ""
          : result.expected_allow ? "expected allowed, got: "
                                  : "expected denied, got: ")
      << printable(got) << '\n';
}

ExitCode run_policy_test(const Invocation& call) {
  const auto paths = policy_paths(call);
  if (!paths) return print_errors(call, paths.error());
  if (paths->empty()) return usage_error(call.terminal, "policy test", "expected a PATH, or --config");
  const auto policy = read_policy(*paths);
  if (!policy) return print_errors(call, policy.error());
  const policy::TimePoint now = present();
  const auto results = policy::run_tests(*policy, now);
  std::size_t failed = 0;
  Json list = Json::array();
  for (const policy::TestResult& result : results) {
    failed += result.passed ? 0 : 1;
    if (call.json) list.push_back(result_json(*policy, result, now));
    if (!call.json) print_result(call.terminal.out, *policy, result, now);
  }
  if (call.json)
    call.terminal.out << to_text({{"ok", failed == 0}, {"failed", failed}, {"results", std::move(list)}}) << '\n';
  else if (results.empty())
    call.terminal.out << "there are no tests: add [[test]] to the policy\n";
  else
    call.terminal.out << counted(results.size(), "result") << ", " << failed << " failed\n";
  return failed == 0 ? ExitCode::success : ExitCode::usage;
}

void files_options(AddOptions add) {
  add("config", word("GATEWAY.toml"), "also the policy files that it names");
}

}  // namespace

std::span<const Command> policy_test_commands() {
  static constexpr std::array list = {
      Command{"policy test", "[PATH...]", 0, most_paths, "Every [[test]] of policy files, with the rule that decides",
              "Needs no gateway. Exit status 2 if a test fails: a gateway refuses such a policy.",
              "  sallyctl policy test policy/", files_options, run_policy_test},
  };
  return list;
}

}  // namespace sallyport::ctl
