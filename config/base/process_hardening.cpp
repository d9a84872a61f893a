#include "config/base/process_hardening.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace sallyport {

bool harden_process(bool lock_memory) noexcept {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return !lock_memory || mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
}

}  // namespace sallyport
