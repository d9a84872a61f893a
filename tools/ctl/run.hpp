// The whole of sallyctl but its main(): a command line in, output and an exit code out.
#pragma once

#include <string>
#include <vector>

#include "tools/ctl/exit_code.hpp"
#include "tools/ctl/terminal.hpp"

namespace sallyport::ctl {

inline constexpr const char* default_socket = "/run/sallyport/control.sock";
inline constexpr const char* socket_variable = "SALLYPORT_SOCKET";

// `arguments` without the program's name. Throws nothing.
[[nodiscard]] ExitCode run(const std::vector<std::string>& arguments, Terminal& terminal) noexcept;

}  // namespace sallyport::ctl
