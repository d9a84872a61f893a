// A sub-command as one entry of a table: dispatch, help and the list of commands all come from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include "tools/ctl/exit_code.hpp"
#include "tools/ctl/terminal.hpp"

namespace sallyport::ctl {

// A command line that was understood.
struct Invocation {
  Terminal& terminal;
  std::string socket;  // of the control plane
  bool json = false;
  std::vector<std::string> arguments;  // what is no option
  boost::program_options::variables_map options;

  [[nodiscard]] bool has(const char* option) const { return options.count(option) != 0; }
  [[nodiscard]] std::string text(const char* option) const {
    return has(option) ? options[option].as<std::string>() : std::string();
  }
};

using DescribeOptions = void (*)(boost::program_options::options_description_easy_init add);

struct Command {
  std::string_view name;       // one word, or two: "peer forget-timestamp"
  std::string_view arguments;  // as in the usage line: "[NAME]"
  unsigned fewest_arguments;
  unsigned most_arguments;
  std::string_view summary;  // one line of the list
  std::string_view help;     // what to know before using it
  std::string_view examples;
  DescribeOptions describe;  // its own options; null: none
  ExitCode (*run)(const Invocation&);
};

[[nodiscard]] std::span<const Command> commands();            // all
[[nodiscard]] std::span<const Command> policy_commands();     // those about the policy
[[nodiscard]] std::span<const Command> enrolment_commands();  // those about tunnels by proof, trust and clusters

// An option's value is wrong: "sallyctl NAME: MESSAGE" and where help is. Always ExitCode::usage.
ExitCode usage_error(Terminal& terminal, std::string_view command, std::string_view message);

// --- The commands, each in a file of its own -----------------------------------------------------------------------

ExitCode run_status(const Invocation& call);
ExitCode run_peers(const Invocation& call);
ExitCode run_sessions(const Invocation& call);
ExitCode run_routes(const Invocation& call);
ExitCode run_ports(const Invocation& call);
ExitCode run_neighbours(const Invocation& call);
ExitCode run_counters(const Invocation& call);
ExitCode run_configuration(const Invocation& call);
ExitCode run_reload(const Invocation& call);
ExitCode run_check(const Invocation& call);
ExitCode run_keygen(const Invocation& call);
ExitCode run_genpsk(const Invocation& call);
ExitCode run_pubkey(const Invocation& call);
ExitCode run_capture(const Invocation& call);
ExitCode run_client_configuration(const Invocation& call);
ExitCode run_watch(const Invocation& call);
ExitCode run_forget_timestamp(const Invocation& call);
ExitCode run_policy(const Invocation& call);
ExitCode run_policy_check(const Invocation& call);
ExitCode run_policy_test(const Invocation& call);
ExitCode run_policy_diff(const Invocation& call);
ExitCode run_policy_apply(const Invocation& call);
ExitCode run_policy_rules(const Invocation& call);
ExitCode run_explain(const Invocation& call);
ExitCode run_whois(const Invocation& call);
ExitCode run_flows(const Invocation& call);
ExitCode run_identities(const Invocation& call);
ExitCode run_audit(const Invocation& call);
ExitCode run_services(const Invocation& call);
ExitCode run_set_endpoints(const Invocation& call);
ExitCode run_enroll(const Invocation& call);
ExitCode run_enrolled(const Invocation& call);
ExitCode run_end_session(const Invocation& call);
ExitCode run_revoke(const Invocation& call);
ExitCode run_enrolment_keys(const Invocation& call);
ExitCode run_create_enrolment_key(const Invocation& call);
ExitCode run_pins(const Invocation& call);
ExitCode run_forget_pin(const Invocation& call);
ExitCode run_trust(const Invocation& call);
ExitCode run_clusters(const Invocation& call);
ExitCode run_pools(const Invocation& call);
ExitCode run_diagnose(const Invocation& call);
ExitCode run_version(const Invocation& call);

}  // namespace sallyport::ctl
