// What the process gives up once its sockets are bound: another user if one is configured, every capability, and the
// way back to any (config/base/privileges.hpp). What a reload needs is read after that, so that a file which the user
// cannot read is an error at start.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "config/base/privileges.hpp"

namespace sallyport::controlplane {

// No core dumps, not dumpable, and memory locked as far as that is safe: only if the limit can be lifted for good,
// since otherwise allocations would fail once the privilege is gone. False: memory is not locked.
[[nodiscard]] bool harden_before_start();

// Creates the folder (mode 0755) if it is missing, for `account` if one is given. One that systemd made for the service
// ($STATE_DIRECTORY, $LOGS_DIRECTORY) is given to `account` with the files in it; any other is left as it is.
[[nodiscard]] tl::expected<void, std::string> ensure_folder(const std::filesystem::path& folder,
                                                            const std::optional<Account>& account);

}  // namespace sallyport::controlplane
