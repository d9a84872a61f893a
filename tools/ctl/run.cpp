#include "tools/ctl/run.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <ostream>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>

#include "config/toml/suggest.hpp"
#include "tools/ctl/command.hpp"

namespace sallyport::ctl {

namespace po = boost::program_options;

namespace {

constexpr const char* arguments_option = "sallyctl-argument";  // holds what is no option

void print_overview(std::ostream& out) {
  out << "sallyctl - look at and operate a Sallyport gateway\n\n"
         "usage: sallyctl [--socket S] [--json] COMMAND ...\n\n";
  std::size_t width = 0;
  for (const Command& command : commands()) width = std::max(width, command.name.size() + 1 + command.arguments.size());
  for (const Command& command : commands()) {
    std::string usage(command.name);
    if (!command.arguments.empty()) usage += ' ' + std::string(command.arguments);
    out << "  " << usage << std::string(width + 2 - usage.size(), ' ') << command.summary << '\n';
  }
  out << "\n  -S, --socket S   the control plane's socket; default $" << socket_variable << " or " << default_socket
      << "\n  --json           one JSON document, for programs\n"
         "  --help           help for a command: sallyctl COMMAND --help\n\n"
         "exit status: 0 done, 1 refused or failed, 2 usage or bad configuration, 3 no control plane answers (enroll: "
         "no gateway),\n             4 'policy diff': somebody gains or loses\n\n"
         "start here:\n"
         "  sallyctl check /etc/sallyport/gateway.toml   before it is loaded\n"
         "  sallyctl status                              is everything up?\n"
         "  sallyctl counters                            where did packets go?\n";
}

po::options_description own_options(const Command& command) {
  po::options_description options("options");
  if (command.describe != nullptr) command.describe(options.add_options());
  return options;
}

po::options_description common_options() {
  po::options_description options("common options");
  options.add_options()("socket,S", po::value<std::string>()->value_name("S"), "the control plane's socket")(
      "json", "one JSON document, for programs")("help,h", "this text");
  return options;
}

void print_help(std::ostream& out, const Command& command) {
  out << "usage: sallyctl " << command.name << (command.arguments.empty() ? "" : " ") << command.arguments;
  if (command.describe != nullptr) out << " [OPTIONS]";
  out << "\n\n" << command.summary << ".\n";
  if (!command.help.empty()) out << '\n' << command.help << '\n';
  if (command.describe != nullptr) out << '\n' << own_options(command);
  out << '\n' << common_options();
  if (!command.examples.empty()) out << "\nexamples:\n" << command.examples << '\n';
}

// The command's name in the arguments: its one or two words, wherever options stand.
struct Found {
  const Command* command = nullptr;
  std::string word;                    // the first that is no option; empty: none
  std::vector<std::string> arguments;  // without the name
};

Found find_command(const std::vector<std::string>& arguments) {
  Found found;
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at].size() > 1 && arguments[at][0] == '-')
    at += arguments[at] == "--socket" || arguments[at] == "-S" ? 2 : 1;
  if (at >= arguments.size()) return found;
  found.word = arguments[at];
  const std::string second = at + 1 < arguments.size() ? arguments[at + 1] : std::string();
  const auto takes = [&](std::string_view name, std::ptrdiff_t words) {
    const auto found_command = std::find_if(commands().begin(), commands().end(),
                                            [&](const Command& command) { return command.name == name; });
    if (found_command == commands().end()) return false;
    const auto name_begin = arguments.begin() + static_cast<std::ptrdiff_t>(at);
    found.command = &*found_command;
    found.arguments.assign(arguments.begin(), name_begin);
    found.arguments.insert(found.arguments.end(), name_begin + words, arguments.end());
    return true;
  };
  if (!takes(found.word + ' ' + second, 2)) (void)takes(found.word, 1);  // the longer name wins: "policy diff"
  return found;
}

// "; did you mean 'check'?" for the second word of a command that has one word only and others of two.
std::string suggest_second_word(const Command& command, const std::string& word) {
  std::vector<std::string_view> seconds;
  for (const Command& other : commands())
    if (other.name.size() > command.name.size() && other.name.starts_with(command.name) &&
        other.name[command.name.size()] == ' ')
      seconds.push_back(other.name.substr(command.name.size() + 1));
  return config::did_you_mean(word, seconds);
}

ExitCode unknown_command(Terminal& terminal, const std::string& word) {
  std::vector<std::string_view> names = {"help"};
  for (const Command& command : commands()) {
    names.push_back(command.name);
    names.push_back(command.name.substr(0, command.name.find(' ')));
  }
  const bool first_of_two = std::any_of(commands().begin(), commands().end(), [&](const Command& command) {
    return command.name.substr(0, command.name.find(' ')) == word;
  });
  if (first_of_two) {
    terminal.err << "sallyctl: '" << word << "' needs a second word:";
    for (const Command& command : commands())
      if (command.name.substr(0, command.name.find(' ')) == word) terminal.err << " 'sallyctl " << command.name << '\'';
    terminal.err << '\n';
  } else {
    terminal.err << "sallyctl: there is no command '" << word << '\'' << config::did_you_mean(word, names)
                 << "\n'sallyctl --help' lists them.\n";
  }
  return ExitCode::usage;
}

ExitCode parse_and_run(const Command& command, const std::vector<std::string>& arguments, Terminal& terminal) {
  po::options_description all;
  all.add(own_options(command)).add(common_options());
  po::options_description known;
  known.add(all).add_options()(arguments_option, po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add(arguments_option, -1);
  Invocation call{.terminal = terminal, .socket = {}, .arguments = {}, .options = {}};
  constexpr int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  try {
    po::store(po::command_line_parser(arguments).options(known).positional(positional).style(style).run(),
              call.options);
    po::notify(call.options);
  } catch (const po::unknown_option& error) {
    std::vector<std::string> names;
    for (const auto& option : all.options()) names.push_back("--" + option->long_name());
    const std::vector<std::string_view> views(names.begin(), names.end());
    return usage_error(terminal, command.name, error.what() + config::did_you_mean(error.get_option_name(), views));
  } catch (const po::error& error) { return usage_error(terminal, command.name, error.what()); }
  if (call.has("help")) {
    print_help(terminal.out, command);
    return ExitCode::success;
  }
  if (call.has(arguments_option)) call.arguments = call.options[arguments_option].as<std::vector<std::string>>();
  if (call.arguments.size() > command.most_arguments)
    return usage_error(terminal, command.name,
                       "too much: '" + call.arguments[command.most_arguments] + "'" +
                           suggest_second_word(command, call.arguments[command.most_arguments]));
  if (call.arguments.size() < command.fewest_arguments)
    return usage_error(terminal, command.name, "expected " + std::string(command.arguments));
  call.json = call.has("json");
  call.socket =
      call.has("socket") ? call.text("socket") : terminal.environment(socket_variable).value_or(default_socket);
  return command.run(call);
}

ExitCode dispatch(std::vector<std::string> arguments, Terminal& terminal) {
  const bool wants_help = !arguments.empty() && arguments[0] == "help";
  if (wants_help) arguments.erase(arguments.begin());
  if (!arguments.empty() && arguments[0] == "--version") arguments[0] = "version";
  const Found found = find_command(arguments);
  if (found.command != nullptr && wants_help) {
    print_help(terminal.out, *found.command);
    return ExitCode::success;
  }
  if (found.command != nullptr) return parse_and_run(*found.command, found.arguments, terminal);
  if (!found.word.empty()) return unknown_command(terminal, found.word);
  const bool asked = wants_help || std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
                       return argument == "--help" || argument == "-h";
                     });
  print_overview(asked ? terminal.out : terminal.err);
  return asked ? ExitCode::success : ExitCode::usage;
}

}  // namespace

ExitCode usage_error(Terminal& terminal, std::string_view command, std::string_view message) {
  terminal.err << "sallyctl " << command << ": " << message << "\n'sallyctl " << command << " --help' explains it.\n";
  return ExitCode::usage;
}

ExitCode run(const std::vector<std::string>& arguments, Terminal& terminal) noexcept {
  try {
    const ExitCode code = dispatch(arguments, terminal);
    terminal.out.flush();
    if (terminal.out || code != ExitCode::success) return code;
    terminal.err << "sallyctl: cannot write the output\n";
  } catch (const std::exception& error) { terminal.err << "sallyctl: " << error.what() << '\n'; }
  return ExitCode::failed;
}

}  // namespace sallyport::ctl
