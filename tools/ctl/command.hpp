// A sub-command as one entry of a table: dispatch, help and the list of commands all come from it. Each file that has
// commands ends with the table of its own, beside the functions that run them; the whole list is made of these tables.
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

using AddOptions = boost::program_options::options_description_easy_init;
using DescribeOptions = void (*)(AddOptions add);

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

// All, in the order of the help.
[[nodiscard]] std::span<const Command> commands();

// An option's value is wrong: "sallyctl NAME: MESSAGE" and where help is. Always ExitCode::usage.
ExitCode usage_error(Terminal& terminal, std::string_view command, std::string_view message);

// --- One table of each file ------------------------------------------------------------------------------------------

std::span<const Command> status_commands();
std::span<const Command> peer_commands();
std::span<const Command> network_commands();
std::span<const Command> counter_commands();
std::span<const Command> reload_commands();
std::span<const Command> check_commands();
std::span<const Command> key_commands();
std::span<const Command> capture_commands();
std::span<const Command> client_configuration_commands();
std::span<const Command> watch_commands();
std::span<const Command> policy_commands();
std::span<const Command> policy_check_commands();
std::span<const Command> policy_test_commands();
std::span<const Command> policy_diff_commands();
std::span<const Command> policy_apply_commands();
std::span<const Command> policy_rule_commands();
std::span<const Command> explain_commands();
std::span<const Command> whois_commands();
std::span<const Command> flow_commands();
std::span<const Command> identity_commands();
std::span<const Command> audit_commands();
std::span<const Command> service_commands();
std::span<const Command> enroll_commands();
std::span<const Command> enrolled_commands();
std::span<const Command> revoke_commands();
std::span<const Command> enrolment_key_commands();
std::span<const Command> pin_commands();
std::span<const Command> trust_commands();
std::span<const Command> cluster_commands();
std::span<const Command> diagnose_commands();

}  // namespace sallyport::ctl
