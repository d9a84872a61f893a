// What the exit status of sallyctl means to a script.
#pragma once

#include <cstdint>

namespace sallyport::ctl {

enum class ExitCode : std::uint8_t {
  success = 0,
  failed = 1,       // refused by the gateway, or an answer that makes no sense
  usage = 2,        // a command line or a configuration that is wrong
  unreachable = 3,  // no control plane answers on the socket
};

}  // namespace sallyport::ctl
