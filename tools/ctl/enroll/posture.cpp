#include "tools/ctl/enroll/posture.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "tools/ctl/enroll/program.hpp"
#include "tools/ctl/json_fields.hpp"
#include "tools/ctl/options.hpp"
#include "tools/ctl/safe_output.hpp"

namespace sallyport::ctl {
namespace {

using Checked = tl::expected<void, std::string>;

constexpr ProgramLimits command_limits{.time = std::chrono::milliseconds(30'000), .output_bytes = 64 * 1024};

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

policy::PostureValue typed(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (const auto integer = whole_number<std::int64_t>(text)) return *integer;
  const bool decimal = text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;  // no "inf", no "nan"
  if (const auto real = decimal ? whole_number<double>(text) : std::nullopt; real && std::isfinite(*real)) return *real;
  return std::string(text);
}

Checked add(Posture& posture, const std::string& key, policy::PostureValue value) {
  if (!is_name(key))
    return tl::unexpected("expected a name of letters, digits, '.', '_' and '-', got '" + printable(key) + "'");
  if (const auto* text = std::get_if<std::string>(&value);
      text != nullptr && (text->size() > longest_posture_text_bytes || *text != printable(*text)))
    return tl::unexpected(key + ": expected at most " + std::to_string(longest_posture_text_bytes) +
                          " bytes without control characters");
  posture.insert_or_assign(key, std::move(value));
  if (posture.size() > most_posture_values)
    return tl::unexpected("expected at most " + std::to_string(most_posture_values) + " values");
  return {};
}

std::optional<policy::PostureValue> from_json(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
    return std::nullopt;
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return std::nullopt;
}

tl::expected<Posture, std::string> parse_object(std::string_view output) {
  const auto object = parse_json(output);
  if (!object || !object->is_object()) return tl::unexpected(std::string("expected one JSON object"));
  Posture posture;
  for (const auto& [key, json] : object->items()) {
    const auto value = from_json(json);
    if (!value) return tl::unexpected(printable(key) + ": expected true, false, a number of 64 bits or a text");
    if (const auto added = add(posture, key, *value); !added) return tl::unexpected(added.error());
  }
  return posture;
}

}  // namespace

Checked add_posture(Posture& posture, std::string_view key_and_value) {
  const std::size_t equals = key_and_value.find('=');
  if (equals == std::string_view::npos)
    return tl::unexpected("expected KEY=VALUE, got '" + printable(key_and_value) + "'");
  return add(posture, std::string(key_and_value.substr(0, equals)), typed(key_and_value.substr(equals + 1)));
}

tl::expected<Posture, std::string> parse_posture(std::string_view output) {
  constexpr std::string_view space = " \t\r";
  const std::size_t first = output.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && output[first] == '{') return parse_object(output);
  Posture posture;
  while (!output.empty()) {
    std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(line.size() + 1, output.size()));
    line.remove_prefix(std::min(line.find_first_not_of(space), line.size()));
    line.remove_suffix(line.size() - (line.find_last_not_of(space) + 1));
    if (line.empty() || line.front() == '#') continue;
    if (const auto added = add_posture(posture, line); !added) return tl::unexpected(added.error());
  }
  return posture;
}

tl::expected<Posture, std::string> ask_posture_command(const std::vector<std::string>& words,
                                                       const std::vector<std::string>& environment) {
  const auto result = run_program(words, {}, environment, command_limits);
  if (!result) return tl::unexpected(result.error());
  if (result->exit_code != 0)
    return tl::unexpected(words[0] + ": ended with exit status " + std::to_string(result->exit_code));
  auto posture = parse_posture(result->output);
  if (!posture) return tl::unexpected(words[0] + ": " + posture.error());
  return posture;
}

}  // namespace sallyport::ctl
