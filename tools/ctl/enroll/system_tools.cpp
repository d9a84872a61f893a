#include "tools/ctl/enroll/system_tools.hpp"

#include <algorithm>
#include <utility>

#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

constexpr std::size_t longest_reason_bytes = 400;

std::string spelled(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  return text.size() <= longest_reason_bytes ? text : text.substr(0, longest_reason_bytes) + "...";
}

std::string first_line(const std::string& text) {
  return printable(text.substr(0, std::min(text.find('\n'), longest_reason_bytes)));
}

}  // namespace

SystemTools::SystemTools(std::string search_path) : search_path_(std::move(search_path)) {}

bool SystemTools::has(std::string_view program) const {
  return !find_program(program, search_path_).empty();
}

tl::expected<std::string, std::string> SystemTools::run(const std::vector<std::string>& command,
                                                        std::string_view input) const {
  std::vector<std::string> arguments = command;
  arguments[0] = find_program(command[0], search_path_);
  if (arguments[0].empty()) return tl::unexpected("the program '" + command[0] + "' is not installed");
  // A name of an endpoint that nobody knows: wg would ask for it for minutes.
  auto result = run_program(arguments, input, {"PATH=" + search_path_, "LC_ALL=C", "WG_ENDPOINT_RESOLUTION_RETRIES=1"});
  if (!result) return tl::unexpected(result.error());
  if (result->exit_code == 0) return std::move(result->output);
  return tl::unexpected(
      "'" + spelled(command) + "' failed: " +
      (result->errors.empty() ? "exit status " + std::to_string(result->exit_code) : first_line(result->errors)));
}

tl::expected<Json, std::string> SystemTools::ask_ip(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {"ip", "-j"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto output = run(command);
  if (!output) return tl::unexpected(output.error());
  if (output->find_first_not_of(" \n") == std::string::npos) return Json::array();
  auto value = parse_json(*output);
  if (!value || !value->is_array()) return tl::unexpected("'" + spelled(command) + "' prints no JSON list");
  return std::move(*value);
}

tl::expected<void, std::string> SystemTools::run_ip(bool ipv6, std::string_view lines) const {
  if (lines.empty()) return {};
  const auto done = run({"ip", ipv6 ? "-6" : "-4", "-batch", "-"}, lines);
  if (!done) return tl::unexpected(done.error());
  return {};
}

}  // namespace sallyport::ctl
