// What each process does first, so that no key reaches a disk: no core dumps, not dumpable, memory locked.
#pragma once

namespace sallyport {

// Sets RLIMIT_CORE to 0, PR_SET_DUMPABLE to 0 and, with `lock_memory`, calls mlockall for now and later. Returns false
// only when memory could not be locked (a low RLIMIT_MEMLOCK), which the caller logs.
[[nodiscard]] bool harden_process(bool lock_memory) noexcept;

}  // namespace sallyport
