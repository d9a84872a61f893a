// Options whose values are more than one word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/program_options/value_semantic.hpp>
#include <tl/expected.hpp>

#include "tools/ctl/command.hpp"

namespace sallyport::ctl {

// How a command declares an option with one value, and one that may be given several times.
[[nodiscard]] inline auto* word(const char* value_name) {
  return boost::program_options::value<std::string>()->value_name(value_name);
}
[[nodiscard]] inline auto* words(const char* value_name) {
  return boost::program_options::value<std::vector<std::string>>()->composing()->value_name(value_name);
}

// All values of an option that may be given several times or as a list with commas; none are empty.
[[nodiscard]] std::vector<std::string> list_option(const Invocation& call, const char* name);

// The number behind an option, nothing without the option, or what was expected instead. (Boost would take "-1" for
// 4294967295.)
[[nodiscard]] tl::expected<std::optional<std::uint32_t>, std::string> number_option(const Invocation& call,
                                                                                    const char* name,
                                                                                    std::uint32_t lowest,
                                                                                    std::uint32_t highest);

// "host:port", "192.0.2.1:51820" or "[2001:db8::1]:51820".
[[nodiscard]] bool is_host_and_port(const std::string& text);
// A DNS name: letters, digits, '-' and '.'.
[[nodiscard]] bool is_host_name(std::string_view text);
// As the names of the configuration: a letter or digit, then letters, digits, '.', '_' and '-', 63 characters at most.
[[nodiscard]] bool is_name(std::string_view text);

// The seconds behind an option ("90s", "24h", "30d"), nothing without the option, or what was expected instead.
[[nodiscard]] tl::expected<std::optional<std::uint64_t>, std::string> duration_option(const Invocation& call,
                                                                                      const char* name,
                                                                                      std::uint64_t shortest_s,
                                                                                      std::uint64_t longest_s);

}  // namespace sallyport::ctl
