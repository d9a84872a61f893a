// What both processes give up once they have what only root can give: the user, every capability of every thread, and
// the way back to any. Which moment that is, each process decides.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include <tl/expected.hpp>

namespace sallyport {

struct Account {
  std::string name;
  uid_t user;
  gid_t group;
};

// An error if there is no such user.
[[nodiscard]] tl::expected<Account, std::string> find_account(const std::string& name);

// Lifts RLIMIT_MEMLOCK for good. False: memory that is locked now could make allocations fail once CAP_IPC_LOCK is
// gone.
[[nodiscard]] bool lift_memory_lock_limit() noexcept;

// Of the calling thread and those that it makes later: nothing more can be gained by exec(). What is held stays. Call
// before the first thread is made.
[[nodiscard]] tl::expected<void, std::string> forgo_new_privileges();

// Becomes `account` (an error unless the process is root or that user already) and drops all capabilities, in every
// thread of the process and for good; the process is not dumpable afterwards. Other threads that have capabilities get
// SIGUSR1, which interrupts a system call of theirs and is ignored from then on. Includes forgo_new_privileges(), for
// the calling thread.
[[nodiscard]] tl::expected<void, std::string> drop_privileges(const std::optional<Account>& account);

}  // namespace sallyport
