// Runs another program, without a shell: its arguments are words, its time and its output are bounded, and secrets
// reach it on its standard input only.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace sallyport::ctl {

struct ProgramLimits {
  std::chrono::milliseconds time{10'000};
  std::size_t output_bytes = 256 * 1024;
};

struct ProgramResult {
  int exit_code = 0;
  std::string output;  // standard output
  std::string errors;  // the beginning of standard error
};

// The file of a program in a search path like $PATH; empty: there is none.
[[nodiscard]] std::string find_program(std::string_view name, std::string_view search_path);

// `arguments[0]` is the file. `environment`: "NAME=VALUE". An error if it cannot be started, is ended by a signal, or
// goes beyond its limits (it is killed then).
[[nodiscard]] tl::expected<ProgramResult, std::string> run_program(const std::vector<std::string>& arguments,
                                                                   std::string_view input,
                                                                   const std::vector<std::string>& environment,
                                                                   const ProgramLimits& limits = {});

}  // namespace sallyport::ctl
