// sallyctl called as a function: a command line in, exit code and both outputs out.
#pragma once

#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ctl/run.hpp"

namespace sallyport::ctl {

struct Outcome {
  ExitCode code;
  std::string out, err;
};

// `input` is what stands on standard input.
inline Outcome call_in(const std::function<std::optional<std::string>(const char*)>& environment,
                       const std::vector<std::string>& arguments, const std::string& input = {}) {
  std::istringstream in(input);
  std::ostringstream out, err;
  Terminal terminal{.in = in, .out = out, .err = err, .environment = environment};
  const ExitCode code = run(arguments, terminal);
  return {code, out.str(), err.str()};
}

// In an environment that has the socket alone.
inline Outcome call(const std::vector<std::string>& arguments, const std::string& socket = "/nonexistent/control.sock",
                    const std::string& input = {}) {
  return call_in(
      [&](const char* name) -> std::optional<std::string> {
        if (std::string_view(name) != socket_variable) return std::nullopt;
        return socket;
      },
      arguments, input);
}

inline bool has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

}  // namespace sallyport::ctl
