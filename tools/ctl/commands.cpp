#include <ostream>
#include <vector>

#include "tools/ctl/command.hpp"
#include "tools/ctl/gateway.hpp"

namespace sallyport::ctl {
namespace {

ExitCode run_version(const Invocation& call) {
  if (!print_json(call, {{"version", SALLYPORT_VERSION}}))
    call.terminal.out << "sallyctl " << SALLYPORT_VERSION << '\n';
  return ExitCode::success;
}

}  // namespace

std::span<const Command> commands() {
  static const std::vector<Command> all = [] {
    std::vector<Command> list;
    for (const auto table : {status_commands(),      peer_commands(),          network_commands(),
                             counter_commands(),     reload_commands(),        check_commands(),
                             key_commands(),         capture_commands(),       client_configuration_commands(),
                             watch_commands(),       policy_commands(),        policy_check_commands(),
                             policy_test_commands(), policy_diff_commands(),   policy_apply_commands(),
                             policy_rule_commands(), explain_commands(),       whois_commands(),
                             flow_commands(),        identity_commands(),      audit_commands(),
                             service_commands(),     enroll_commands(),        enrolled_commands(),
                             revoke_commands(),      enrolment_key_commands(), pin_commands(),
                             trust_commands(),       cluster_commands(),       diagnose_commands()})
      list.insert(list.end(), table.begin(), table.end());
    list.push_back({"version", "", 0, 0, "The version of sallyctl", "That of the gateway is in 'sallyctl status'.", "",
                    nullptr, run_version});
    return list;
  }();
  return all;
}

}  // namespace sallyport::ctl
