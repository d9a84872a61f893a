// What the process gives up once its sockets are bound: another user if one is configured, every capability, and the
// way back to any. What a reload needs is read after that, so that a file which the user cannot read is an error at
// start.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include <tl/expected.hpp>

namespace sallyport::controlplane {

struct Account {
  std::string name;
  uid_t user;
  gid_t group;
};

// An error if there is no such user.
[[nodiscard]] tl::expected<Account, std::string> find_account(const std::string& name);

// No core dumps, not dumpable, and memory locked as far as that is safe: only if the limit can be lifted for good,
// since otherwise allocations would fail once the privilege is gone. False: memory is not locked.
[[nodiscard]] bool harden_before_start();

// Creates the folder (mode 0755) if it is missing, for `account` if one is given.
[[nodiscard]] tl::expected<void, std::string> ensure_folder(const std::filesystem::path& folder,
                                                            const std::optional<Account>& account);

// Call before the first thread is made. Becomes `account` (an error unless the process is root or that user already),
// then drops all capabilities for good, with no_new_privs.
[[nodiscard]] tl::expected<void, std::string> drop_privileges(const std::optional<Account>& account);

}  // namespace sallyport::controlplane
