// What the exit status of sallyctl means to a script.
#pragma once

#include <cstdint>

namespace sallyport::ctl {

enum class ExitCode : std::uint8_t {
  success = 0,
  failed =
      1,  // refused by the gateway, an answer that makes no sense, a failed check of 'diagnose', a problem in 'status'
  usage = 2,        // a command line or a configuration that is wrong
  unreachable = 3,  // no control plane answers on the socket, or no gateway at the URL ('enroll')
  differs = 4,      // 'policy diff' found a difference
};

}  // namespace sallyport::ctl
