// What a machine says of its own state: values with types, of the command line and of a command that measures them.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model.hpp"

namespace sallyport::ctl {

using Posture = std::map<std::string, policy::PostureValue>;

inline constexpr std::size_t most_posture_values = 64;
inline constexpr std::size_t longest_posture_text_bytes = 1024;

// "disk_encrypted=true": true and false are booleans, 42 is an integer, 1.5 a float, everything else a text.
[[nodiscard]] tl::expected<void, std::string> add_posture(Posture& posture, std::string_view key_and_value);

// What a command printed: a JSON object of such values, or a line KEY=VALUE for each (empty ones and #... do not
// count).
[[nodiscard]] tl::expected<Posture, std::string> parse_posture(std::string_view output);

// Runs it, words separated by spaces and no shell, for at most 30 s.
[[nodiscard]] tl::expected<Posture, std::string> ask_posture_command(const std::vector<std::string>& words,
                                                                     const std::vector<std::string>& environment);

}  // namespace sallyport::ctl
